"""Nothing that is not public is met by a visitor, by a member of another hospital, or (beyond internal pages) by staff."""

import pytest
from django.test import Client

from core.jobs.testing import run_pending
from core.kernel.context import actor_scope
from core.testing.world import World
from tests.leak.canaries import BY, Planted, plant
from tests.leak.crawler import Crawler

pytestmark = pytest.mark.django_db

SLUGS = ("binjiang", "yunling")


@pytest.fixture(scope="module")
def world(module_scope: None) -> World:
    """Two hospitals with every role."""
    return World.small()


@pytest.fixture(scope="module")
def planted(world: World) -> Planted:
    """Canaries in every state, and search that has followed."""
    found = plant(world)
    run_pending()
    return found


def starts(planted: Planted, slug: str) -> list[str]:
    """Everything a stranger would try: what is linked, listed, guessed or was kept from earlier."""
    api = f"/api/v1/h/{slug}"
    found = [
        f"/h/{slug}/",
        f"/h/{slug}/feed.xml",
        f"/h/{slug}/sitemap.xml",
        "/robots.txt",
        "/h/nowhere/feed.xml",
    ]
    found += [f"{api}/cms/{name}" for name in ("home", "menu", "tree", "pages", "page", "page?path=zhuanlan")]
    for type_ in ("article", "learning", "brand", "ranking", "column", "home", "draft"):
        found.append(f"{api}/cms/pages?type={type_}&limit=50&order=published_at")
    found += [f"{api}{known}" for known in planted.known]
    words = ["canary", "公开", "qzx", *list(planted.marks.values())]
    found += [f"{api}/search?q={word}" for word in words]
    found += [f"{api}/search/suggest?q={word}" for word in words[:8]]
    found += [
        f"{api}/nothing",
        "/documents/1/x",
        "/media/x",
        f"{api}/cms/nothing",
        "/admin/pages/",
        "/admin/",
    ]
    return found


def signed_in(world: World, role: str, slug: str) -> Client:
    """A browser of the holder of a role."""
    browser = Client()
    with actor_scope(BY):
        browser.force_login(world.user(role, slug), "core.accounts.backends.SignIn")
    return browser


def test_forty_canaries_and_more_are_planted(planted: Planted) -> None:
    assert len(planted.marks) >= 40
    assert len(set(planted.marks.values())) == len(planted.marks)


@pytest.mark.parametrize(
    "who", ["visitor", "inspector of the other hospital", "writer of the other hospital"]
)
def test_strangers_meet_no_canary(world: World, planted: Planted, who: str) -> None:
    browser = {
        "visitor": Client,
        "inspector of the other hospital": lambda: signed_in(world, "inspector", "yunling"),
        "writer of the other hospital": lambda: signed_in(world, "editor", "yunling"),
    }[who]()
    crawler = Crawler(browser)
    slugs = SLUGS if who == "visitor" else ("binjiang",)
    for slug in slugs:
        crawler.run(starts(planted, slug))
    theirs = {where: mark for where, mark in planted.marks.items() if "other hospital" not in where}
    marks = planted.marks if who == "visitor" else theirs
    assert crawler.met(marks) == []
    assert len(crawler.answers) > 150
    seen = "\n".join(text for _, text in crawler.answers.values())
    missed = [where for where, mark in planted.public.items() if mark not in seen]
    assert missed == [], "the crawler does not see what is public"


def test_staff_meet_internal_pages_but_no_draft(world: World, planted: Planted) -> None:
    crawler = Crawler(signed_in(world, "staff", "binjiang"))
    crawler.run(starts(planted, "binjiang"))
    beyond = {where: mark for where, mark in planted.marks.items() if mark not in planted.inside}
    assert crawler.met(beyond) == []
    seen = "\n".join(text for _, text in crawler.answers.values())
    missed = [w for w, mark in planted.marks.items() if mark in planted.inside and mark not in seen]
    assert missed in ([], ["internal picture: title"]), missed


def test_search_finds_public_pages_and_internal_ones_for_staff_alone(world: World, planted: Planted) -> None:
    public, inner = planted.public["body"], planted.marks["internal page: body"]
    address = "/api/v1/h/binjiang/search"
    assert "gongkai" in Client().get(address, {"q": public}).content.decode()
    assert Client().get(address, {"q": inner}).json()["total"]["value"] == 0
    staff = signed_in(world, "staff", "binjiang")
    assert staff.get(address, {"q": inner}).json()["total"]["value"] == 1
