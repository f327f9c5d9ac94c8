"""A column as its people meet it: the editor writes, a second person lets it out, members and visitors read."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DESK, PHONE, address, settle
from tests.support.live import Live

pytestmark = pytest.mark.e2e

HOSPITAL = "binjiang"
ABSENT = "没有找到，或您无权查看"
SOON = 2_000  # ms from letting out to being seen
WORDS = "交班前登记，第二天由家属领回，登记号写在交接本上。"


def test_from_the_editor_to_members_and_visitors(open_page: Callable[..., Page], live: Live) -> None:
    """Written, looked at on the real site, submitted, let out by another person, read within two seconds."""
    editor, reviewer = open_page("editor", HOSPITAL), open_page("reviewer", HOSPITAL)
    member, visitor = open_page("member", HOSPITAL, viewport=PHONE), open_page(None, viewport=PHONE)
    column = address(visitor, "{column:articles}", HOSPITAL)
    number = int(time.time()) % 100_000  # on a data folder where the test ran before, the address is taken
    for title, audience in (
        (f"一张交接单的来历{number}", "public"),
        (f"交接本的院内规定{number}", "internal"),
    ):
        _editor_writes(editor, title, audience)
        for page in (member, visitor):
            page.goto(column)
            settle(page)
            expect(page.get_by_role("link", name=title)).to_have_count(0)
        seen = _reviewer_lets_out(reviewer, title)
        _is_read(member, column, title, seen)
        expect(member.locator(".page-head .tag", has_text="院内")).to_have_count(int(audience == "internal"))
        own = member.evaluate("location.pathname")
        visitor.goto(own)
        if audience == "public":
            expect(visitor.get_by_role("heading", level=1)).to_have_text(title)
            expect(visitor.locator(".prose")).to_contain_text(WORDS)
        else:
            expect(visitor.get_by_role("heading", level=1)).to_have_text(ABSENT)
            visitor.goto(column)
            settle(visitor)
            expect(visitor.get_by_role("link", name=title)).to_have_count(0)


def _editor_writes(page: Page, title: str, audience: str) -> None:
    page.goto("/admin/pages/")
    column = page.get_by_role("link", name="廉洁文化").first.get_attribute("href")
    assert column, "the column is in the editor's tree"
    page.goto(f"/admin/pages/add/cms/articlepage/{column.split('/')[3]}/")
    page.wait_for_load_state("networkidle")  # the editor's scripts note changes from here on
    page.wait_for_timeout(1_000)
    page.locator("[name=title]").fill(title)
    page.locator("[name=audience]").select_option(audience)
    page.locator("[name=summary]").fill(f"{title}，两分钟读完。")
    page.locator(".c-sf-add-button").first.click()
    page.get_by_role("option", name="正文").first.click()
    page.locator(".public-DraftEditor-content").first.click()
    page.keyboard.type(WORDS)
    if page.locator(".w-preview").is_hidden():  # the panel stays as it was left
        page.locator("[aria-label*='预览']").first.click()
    shown = page.frame_locator("iframe.w-preview__iframe").last
    expect(shown.get_by_role("heading", level=1)).to_have_text(title, timeout=20_000)  # follows the typing
    expect(shown.get_by_text("预览，尚未发布")).to_be_visible()
    expect(shown.locator(".top, .bottom")).to_have_count(0)
    page.get_by_role("button", name="更多动作").click()
    page.get_by_role("button", name="提交给第二人审核后发布").click()
    expect(page.locator(".messages")).to_contain_text("提交审核")


def _reviewer_lets_out(page: Page, title: str) -> float:
    """Approve on the page that is waiting; when it was sent."""
    page.goto("/admin/")
    page.locator("main").get_by_role("link", name=title).first.click()
    page.get_by_role("button", name="更多动作").click()
    with page.expect_navigation():
        page.get_by_role("button", name="通过并发布", exact=True).click()
    return time.monotonic()


def _is_read(page: Page, column: str, title: str, since: float) -> None:
    """Seen in the column within two seconds of letting out, and opened from there."""
    link = page.get_by_role("link", name=title)
    while True:
        page.goto(column)
        settle(page)
        if link.count() or (time.monotonic() - since) * 1000 > SOON:
            break
    expect(link).to_be_visible()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    expect(page.locator(".prose")).to_contain_text(WORDS)


def test_a_visitor_reads_what_is_public_and_is_asked_to_sign_in_for_the_rest(
    open_page: Callable[..., Page], live: Live
) -> None:
    """First page, column, article and back without an account; lists and the own account lead to signing in, and back."""
    page = open_page(None)
    page.goto("/")
    page.get_by_role("link", name="滨江示范医院").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("滨江示范医院")
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name="廉洁文化").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("廉洁文化")
    first = page.locator(".lines [data-row]").first
    title = first.inner_text()
    first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.get_by_role("navigation", name="所在位置").get_by_role("link", name="廉洁文化").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("廉洁文化")
    for path in ("/r/warning.warning", "/me", "/menu", "/plugins"):
        page.goto(f"/h/{HOSPITAL}{path}")
        page.wait_for_url(re.compile(r"/sign-in\?next="))
    page.goto(f"/h/{HOSPITAL}/columns")
    page.get_by_role("link", name="登录").click()
    account = live.account("member", HOSPITAL)
    page.get_by_label("账号").fill(account["username"])
    page.locator("#password").fill(account["password"])
    page.locator("#password").press("Enter")
    page.wait_for_url(f"**/h/{HOSPITAL}/columns")
    expect(page.get_by_role("heading", level=1)).to_have_text("专栏与公示")


@pytest.mark.parametrize("viewport", [DESK, PHONE], ids=["1440", "390"])
def test_a_ranking_is_shown_with_what_holds_it(
    open_page: Callable[..., Page], viewport: dict[str, int]
) -> None:
    """Desk, page, twenty places, method, period and number; the hash can be copied whole and is the API's."""
    page = open_page(None, viewport=viewport)
    page.goto(address(page, "{column:rankings}", HOSPITAL))
    page.locator(".lines [data-row]").first.click()
    expect(page.locator(".rank-card")).to_be_visible()
    path = page.evaluate("decodeURIComponent(location.pathname)").split("/c/")[1]
    told = page.context.request.get(f"/api/v1/h/{HOSPITAL}/cms/page", params={"path": path}).json()["ranking"]
    places = page.locator(".rank-cards > li" if viewport == PHONE else ".rank-table tbody tr")
    expect(places).to_have_count(len(told["rows"]))
    expect(page.locator("aside")).to_contain_text(told["method"][:12])
    expect(page.locator("aside")).to_contain_text(told["period"])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="复制完整校验值").click()
    expect(page.locator(".toast")).to_have_text("已复制完整校验值")
    assert page.evaluate("navigator.clipboard.readText()") == told["sha256"]


def _visitor_hits(page: Page, query: str) -> list[dict[str, Any]]:
    return page.context.request.get(f"/api/v1/h/{HOSPITAL}/search", params={"q": query}).json()["hits"]


def test_search_finds_for_each_what_they_may_see(open_page: Callable[..., Page]) -> None:
    """The inspector finds warnings, the member and the visitor do not; both find the public article."""
    inspector, member, visitor = (
        open_page("inspector", HOSPITAL),
        open_page("member", HOSPITAL),
        open_page(None),
    )
    inspector.goto(f"/h/{HOSPITAL}/search?q=骨科")
    settle(inspector)
    groups = inspector.get_by_role("navigation", name="结果分组")
    groups.get_by_role("link", name=re.compile("预警")).click()
    expect(inspector).to_have_url(re.compile("type=warning.warning"))
    expect(inspector.locator(".hits > li").first).to_contain_text("预警")
    expect(inspector.locator(".hits mark").first).to_be_visible()
    for page in (member, visitor):
        page.goto(f"/h/{HOSPITAL}/search?q=骨科")
        settle(page)
        assert not [hit for hit in _visitor_hits(page, "骨科") if hit["type"] == "warning.warning"]
        expect(page.get_by_role("link", name=re.compile("^预警"))).to_have_count(0)
    title = _visitor_hits(visitor, "廉洁")[0]["href"]
    visitor.goto(f"/h/{HOSPITAL}/search?q=廉洁")
    settle(visitor)
    visitor.locator(".hits [data-row]").first.click()
    visitor.wait_for_url(f"**{title}")


def test_search_by_keyboard(open_page: Callable[..., Page]) -> None:
    """`/` from anywhere, suggestions with the arrows, Esc closes, Enter asks, j and k walk, Enter opens."""
    page = open_page("inspector", HOSPITAL)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("/")
    box = page.get_by_role("combobox", name="检索")
    expect(box).to_be_focused()
    page.keyboard.type("骨科")
    expect(box).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", selected=True)).to_have_count(1)
    expect(box).to_have_attribute("aria-activedescendant", "find-o0")
    page.keyboard.press("Escape")
    expect(box).to_have_attribute("aria-expanded", "false")
    expect(box).to_have_value("骨科")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("检索“骨科”", timeout=15_000)
    hits = page.locator("[data-row]")
    expect(hits.nth(1)).to_be_visible()
    page.keyboard.press("Escape")  # out of the box: there letters are letters
    for key, place in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(hits.nth(place)).to_be_focused()
    title = hits.nth(0).inner_text()
    page.keyboard.press("Enter")
    # the department found is named like the question: without this the result page itself would pass for the target
    expect(page.get_by_role("heading", level=1)).not_to_contain_text("检索", timeout=15_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text(title[:6])
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("检索“骨科”")


@pytest.mark.parametrize(
    "query", ['"“（)]}', "AND OR NOT -", "😀🏥", "<script>alert(1)</script>", "%' --", "药" * 900]
)
def test_odd_questions_get_a_page(open_page: Callable[..., Page], query: str) -> None:
    """Quotes, operators, emoji, markup, too much: a page with hits or with advice, never an error, nothing run."""
    page = open_page(None)
    page.goto(f"/h/{HOSPITAL}/search")
    box = page.get_by_role("combobox", name="检索")
    box.fill(query)
    box.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("检索“")
    settle(page)
    expect(page.locator(".hits, .empty").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)
