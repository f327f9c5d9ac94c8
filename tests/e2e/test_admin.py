"""Writing in the admin with the site's content policy: dates, choosers, rich text, dialogs, preview; no console error."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.e2e


def settled(page: Page, path: str) -> None:
    """Open a page of the admin and wait until nothing is under way. The policy's refusals are console errors."""
    answer = page.goto(path)
    assert answer is not None and answer.ok, f"{path}: {answer and answer.status}"
    page.wait_for_load_state("networkidle")


def test_an_editor_meets_no_refused_script(open_page: Callable[..., Page]) -> None:
    """Every list with its filters, and the two or three things of the first page."""
    page = open_page("editor", "binjiang")
    settled(page, "/admin/")
    expect(page.get_by_role("heading", name="新建文章")).to_be_visible()
    expect(page.get_by_role("heading", name="我的草稿")).to_be_visible()
    assert page.locator("[data-wagtail-sidebar] a").all_inner_texts()
    for path in (
        "/admin/pages/",
        "/admin/images/",
        "/admin/documents/",
        "/admin/guide/",
        "/admin/images/add/",
    ):
        settled(page, path)


def test_an_article_with_a_date_and_rich_text(open_page: Callable[..., Page]) -> None:
    """Rich text, the scheduling dialog's date field: started without a script in the page."""
    page = open_page("editor", "binjiang")
    settled(page, "/admin/")
    page.locator("main").get_by_role("link", name="廉洁文化").first.click()
    page.wait_for_load_state("networkidle")
    page.locator("#id_title").fill("端到端文章")
    page.get_by_role("button", name="插入内容块").first.click()
    page.locator(".w-combobox__option").first.click()
    page.locator(".public-DraftEditor-content").first.click()
    page.keyboard.type("正文一段。")
    expect(page.locator(".public-DraftEditor-content").first).to_contain_text("正文一段。")
    page.get_by_role("button", name="状态").first.click()
    page.locator("[data-a11y-dialog-show=schedule-publishing-dialog]").first.click()
    page.locator("#id_go_live_at").click()
    expect(page.locator(".xdsoft_datetimepicker:visible").first).to_be_visible()
