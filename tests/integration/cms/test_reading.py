"""What readers get: home, lists, pages, trees, menus; nothing of what is not for them."""

from typing import Any

import pytest
from django.test import Client

from core.cms.domain import ensure_site
from core.cms.models import BrandPage, ColumnPage, LearningPage
from core.kernel.context import acting
from core.testing.world import World
from tests.integration.cms.conftest import BY, add, article, get

pytestmark = pytest.mark.django_db


def test_visitor_sees_public_pages_and_nothing_else(root: Any, column: ColumnPage, client: Client) -> None:
    add(column, article("公开的文章", slug="open"))
    add(column, article("院内的文章", slug="inner", audience="internal"))
    add(column, article("没写完的文章", slug="draft"), publish=False)
    hidden = add(root, ColumnPage(title="院内栏目", slug="inside", audience="internal"))
    add(hidden, article("院内栏目里的公开文章", slug="below"))

    listed = get(client, "/cms/pages").json()
    assert [card["title"] for card in listed["pages"]] == ["公开的文章"]
    assert listed["count"] == {"value": 1, "capped": False} and listed["next"] is None
    assert listed["pages"][0]["href"] == "/h/binjiang/c/culture/open"
    home = get(client, "/cms/home").json()
    assert [section["title"] for section in home["sections"]] == ["廉洁文化"]
    assert get(client, "/cms/menu").json() == [
        {"label": "廉洁文化", "href": "/h/binjiang/c/culture", "kind": "articles"}
    ]
    tree = get(client, "/cms/tree").json()
    assert [node["title"] for node in tree["children"]] == ["廉洁文化"]
    assert [node["title"] for node in tree["children"][0]["children"]] == ["公开的文章"]
    for path in ("culture/inner", "culture/draft", "inside", "inside/below", "nowhere"):
        assert get(client, "/cms/page", path=path).status_code == 404, path
    said = {get(client, "/cms/page", path=path).json()["detail"] for path in ("culture/inner", "nowhere")}
    assert len(said) == 1, "hidden and absent answer alike"


def test_member_of_the_hospital_sees_internal_pages(column: ColumnPage, signed_in: Any) -> None:
    add(column, article("院内的文章", slug="inner", audience="internal"))
    assert get(signed_in("staff"), "/cms/page", path="culture/inner").json()["title"] == "院内的文章"
    assert get(signed_in("staff", "yunling"), "/cms/page", path="culture/inner").status_code == 404


def test_page_with_its_parts(root: Any, column: ColumnPage, client: Client) -> None:
    body = [
        ("heading", {"text": "一、背景", "level": "2"}),
        ("text", "<p>第一段<b>重点</b></p>"),
        ("table", {"caption": "名单", "header_row": True, "cells": "科室|人数\n骨科|3\n眼科|2"}),
        ("number_card", [{"label": "参加", "value": "128", "unit": "人", "source": "签到表"}]),
        ("quote", {"text": "守住底线", "by": "一位老护士"}),
    ]
    add(column, article("有内容", slug="full", body=body, author_line="纪检监察室", summary="摘要"))
    page = get(client, "/cms/page", path="culture/full").json()
    assert [block["kind"] for block in page["blocks"]] == ["heading", "text", "table", "number", "quote"]
    assert page["blocks"][1]["html"] == "<p>第一段<b>重点</b></p>"
    assert page["blocks"][2]["columns"] == ["科室", "人数"] and page["blocks"][2]["rows"][1] == ["眼科", "2"]
    assert page["breadcrumbs"] == [
        {"label": "滨江示范医院", "href": "/h/binjiang/"},
        {"label": "廉洁文化", "href": "/h/binjiang/c/culture"},
    ]
    assert page["author"] == "纪检监察室" and page["type"] == "article"
    assert get(client, f"/cms/pages/{page['uid']}").json() == page


def test_learning_and_brand_pages(root: Any, client: Client) -> None:
    learn = add(root, ColumnPage(title="学习园地", slug="learn", kind="learning", audience="public"))
    add(learn, LearningPage(title="一课", slug="one", audience="public", minutes=25, hours="0.5"))
    brand = add(root, ColumnPage(title="支部品牌", slug="brands", kind="brands", audience="public"))
    add(
        brand,
        BrandPage(
            title="暖心急救",
            slug="warm",
            audience="public",
            party_org="内科第一党支部",
            secretary="周启明",
            achievements=[("item", "开通夜间咨询电话")],
        ),
    )
    found = get(client, "/cms/page", path="learn/one").json()["learning"]
    assert found == {"minutes": 25, "hours": "0.5", "file": None}
    assert get(client, "/cms/page", path="brands/warm").json()["brand"]["achievements"] == [
        "开通夜间咨询电话"
    ]
    column = get(client, "/cms/page", path="brands").json()
    assert column["children"][0]["facts"][0] == {"label": "党组织", "value": "内科第一党支部"}


def test_list_of_twenty_pages_on_and_costs_few_queries(
    column: ColumnPage, signed_in: Any, client: Client, django_assert_max_num_queries: Any
) -> None:
    for n in range(25):
        add(column, article(f"第 {n} 篇", slug=f"n{n}"))
    # signed in: session, account with device, hospital, posts, departments below, pages
    for browser, most in ((client, 2), (signed_in("department_head"), 6)):
        with django_assert_max_num_queries(most):
            first = get(browser, "/cms/pages", column=column.uid).json()
        assert len(first["pages"]) == 20 and first["count"]["value"] == 25
        second = get(browser, "/cms/pages", column=column.uid, after=first["next"]).json()
        assert len(second["pages"]) == 5 and second["next"] is None
        both = [card["uid"] for card in first["pages"] + second["pages"]]
        assert len(set(both)) == 25
        assert first["pages"][0]["title"] == "第 24 篇"


def test_answer_is_kept_by_its_tag_until_something_is_published(column: ColumnPage, client: Client) -> None:
    first = get(client, "/cms/pages")
    again = client.get("/api/v1/h/binjiang/cms/pages", headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304 and again.content == b"" and again["ETag"] == first["ETag"]
    assert "no-cache" in first["Cache-Control"] and "Cookie" in first["Vary"]
    add(column, article("新的一篇", slug="new"))
    after = client.get("/api/v1/h/binjiang/cms/pages", headers={"If-None-Match": first["ETag"]})
    assert after.status_code == 200 and "新的一篇" in after.content.decode()


def test_taken_down_moved_and_removed_pages_go(root: Any, column: ColumnPage, client: Client) -> None:
    other = add(root, ColumnPage(title="另一栏目", slug="other", audience="public"))
    one = add(column, article("要移动", slug="one"))
    two = add(column, article("要撤下", slug="two"))
    three = add(column, article("要删除", slug="three"))
    with acting(BY):
        one.move(other, pos="last-child")
        two.unpublish()
        three.delete()
    assert get(client, "/cms/page", path="other/one").json()["title"] == "要移动"
    for path in ("culture/one", "culture/two", "culture/three"):
        assert get(client, "/cms/page", path=path).status_code == 404
    with acting(BY):
        type(other).objects.get(pk=other.pk).unpublish()
    assert get(client, "/cms/page", path="other/one").status_code == 404, "what is above it is down"


def test_audience_of_a_column_holds_below_it(root: Any, column: ColumnPage, client: Client) -> None:
    add(column, article("下面的文章", slug="one"))
    with acting(BY):
        fresh = ColumnPage.objects.get(pk=column.pk)
        fresh.audience = "internal"
        fresh.save_revision().publish()
    assert get(client, "/cms/page", path="culture/one").status_code == 404
    assert get(client, "/cms/pages").json()["pages"] == []


@pytest.mark.parametrize("after", ["x", "2024-01-01~1", "~", "2024-01-01T00:00:00+00:00~" + "9" * 40, "\0"])
def test_bad_cursor_is_refused_in_words(column: ColumnPage, client: Client, after: str) -> None:
    answer = get(client, "/cms/pages", after=after)
    assert answer.status_code in {400, 422} and answer.json()["detail"]


def test_links_in_a_text_lead_only_where_the_reader_may_go(
    column: ColumnPage, client: Client, signed_in: Any
) -> None:
    inner = add(column, article("院内的文章", slug="inner-secret", audience="internal"))
    text = f'<p><a linktype="page" id="{inner.pk}">看这里</a> <a href="https://example.org/">外面</a></p>'
    add(column, article("有链接", text, slug="links"))
    shown = get(client, "/cms/page", path="culture/links").json()["blocks"][0]["html"]
    assert "inner-secret" not in shown and "看这里" in shown and 'href="https://example.org/"' in shown
    inside = get(signed_in("staff"), "/cms/page", path="culture/links").json()["blocks"][0]["html"]
    assert 'href="/h/binjiang/c/culture/inner-secret"' in inside


def test_hospital_without_pages_has_an_empty_home(world: World, client: Client) -> None:
    home = get(client, "/cms/home", slug="yunling").json()
    assert home == {
        "hospital": {"slug": "yunling", "name": "云岭示例医院"},
        "sections": [],
        "lead": None,
    }
    assert get(client, "/cms/tree", slug="yunling").json() is None
    assert get(client, "/cms/home", slug="nowhere").status_code == 404


def test_site_is_made_once(world: World) -> None:
    first = ensure_site(world.hospital(), BY)
    assert ensure_site(world.hospital(), BY).pk == first.pk
    assert ensure_site(world.hospital("yunling"), BY).collection_id != first.collection_id
