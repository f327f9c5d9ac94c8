"""Previews, feed, sitemap, robots, other origins, clear errors, and the demonstration's pages."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import translation

from core.cms.domain.previews import keep
from core.cms.models import ArticlePage, ColumnPage
from core.kernel import clock
from core.kernel.context import acting
from core.testing.columns import write_columns
from core.testing.world import World
from tests.integration.cms.conftest import BY, add, article, get

pytestmark = pytest.mark.django_db


def test_preview_is_for_writers_of_the_hospital(
    world: World, column: ColumnPage, client: Client, signed_in: Any
) -> None:
    page = add(column, article("现在的标题", slug="one"))
    page.title = "屏幕上的标题"
    token = keep(page, world.user("editor"), world.hospital(), parent_id=column.pk)
    shown = get(signed_in("reviewer"), f"/cms/previews/{token}")
    assert shown.json()["title"] == "屏幕上的标题" and shown.json()["preview"] is True
    assert shown["Cache-Control"] == "no-store"
    for browser in (client, signed_in("staff"), signed_in("editor", "yunling")):
        assert get(browser, f"/cms/previews/{token}").status_code == 404
    assert get(signed_in("editor", "yunling"), f"/cms/previews/{token}", "yunling").status_code == 404
    assert get(signed_in("editor"), f"/cms/previews/{token}x").status_code == 404
    assert get(client, "/cms/page", path="culture/one").json()["title"] == "现在的标题"


def test_preview_for_a_phone_needs_no_session_and_ends_after_an_hour(
    world: World, column: ColumnPage, client: Client
) -> None:
    page = article("还没有保存", slug="new")
    token = keep(page, world.user("editor"), world.hospital(), parent_id=column.pk, open_=True)
    assert get(client, f"/cms/previews/{token}").json()["title"] == "还没有保存"
    from datetime import timedelta

    with clock.turned(clock.now() + timedelta(minutes=61)):
        assert get(client, f"/cms/previews/{token}").status_code == 404


def test_only_the_preview_route_may_be_framed_and_by_us_alone(client: Client) -> None:
    preview, other = client.get("/h/binjiang/preview/x"), client.get("/h/binjiang/c/x")
    assert (
        preview["X-Frame-Options"] == "SAMEORIGIN"
        and "frame-ancestors 'self'" in preview["Content-Security-Policy"]
    )
    assert other["X-Frame-Options"] == "DENY" and "frame-ancestors 'none'" in other["Content-Security-Policy"]
    assert "script-src 'self'" in preview["Content-Security-Policy"]


def test_feed_sitemap_and_robots_hold_public_pages_alone(column: ColumnPage, signed_in: Any) -> None:
    add(column, article("公开 <一>", slug="open", summary="摘要 & 说明"))
    add(column, article("院内", slug="inner", audience="internal"))
    staff = signed_in("staff")
    feed = staff.get("/h/binjiang/feed.xml")
    assert feed["Content-Type"].startswith("application/atom+xml")
    assert "公开 &lt;一&gt;" in feed.content.decode() and "inner" not in feed.content.decode()
    sitemap = staff.get("/h/binjiang/sitemap.xml").content.decode()
    assert "/h/binjiang/c/culture/open</loc>" in sitemap and "inner" not in sitemap
    assert "Sitemap: http://testserver/h/binjiang/sitemap.xml" in staff.get("/robots.txt").content.decode()
    assert staff.get("/h/nowhere/feed.xml").status_code == 404


def test_other_origins_read_only_when_the_operator_says_so(
    column: ColumnPage, client: Client, signed_in: Any, settings: Any
) -> None:
    address, origin = "/api/v1/h/binjiang/cms/home", {"Origin": "https://lobby.example.org"}
    assert "Access-Control-Allow-Origin" not in client.get(address, headers=origin)
    settings.API_ORIGINS = ["https://lobby.example.org"]
    assert client.get(address, headers=origin)["Access-Control-Allow-Origin"] == "https://lobby.example.org"
    assert "Access-Control-Allow-Origin" not in client.get(
        address, headers={"Origin": "https://other.example.org"}
    )
    assert "Access-Control-Allow-Origin" not in signed_in("staff").get(address, headers=origin)
    assert "Access-Control-Allow-Credentials" not in client.get(address, headers=origin)


def test_colliding_address_is_said_in_chinese(column: ColumnPage) -> None:
    add(column, article("第一篇", slug="same"))
    second = article("第二篇", slug="same")
    with translation.override("zh-hans"), acting(BY), pytest.raises(ValidationError) as refused:
        column.add_child(instance=second)
    said = "".join(refused.value.message_dict["slug"])
    assert "same" in said and any("一" <= letter <= "鿿" for letter in said), said


def test_demonstration_has_pages_of_every_kind(world: World, client: Client, signed_in: Any) -> None:
    write_columns(world)
    write_columns(world)  # a killed load goes on
    home = get(client, "/cms/home").json()
    assert [section["title"] for section in home["sections"]] == ["廉洁文化", "支部品牌", "学习园地"]
    assert home["lead"]["title"] == "一束退回去的鲜花"
    assert [len(section["cards"]) for section in home["sections"]] == [4, 4, 2]
    inside = get(signed_in("staff"), "/cms/home").json()
    assert [len(section["cards"]) for section in inside["sections"]] == [6, 4, 3]
    states = ArticlePage.objects.filter(live=False).values_list("slug", flat=True)
    assert set(states) == {"shu-qi-hong-bao", "xin-ru-zhi-di-yi-ke", "xia-yue-xue-xi-an-pai"}
    learning = get(client, "/cms/page", path="xue-xi-yuan-di/jie-dai-gui-fan").json()
    assert client.get(learning["learning"]["file"]["href"]).status_code == 200
    for section in home["sections"]:
        for card in section["cards"]:
            if card["cover"]:
                assert client.get(card["cover"]["url"]).status_code == 200 and card["cover"]["alt"]
    assert len(get(client, "/cms/pages", "yunling").json()["pages"]) == 1
