"""Using the site: signing in and out, the keyboard, two people at once, another hospital's address, no network, jobs."""

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import enter
from tests.support.live import Live

pytestmark = pytest.mark.e2e

OFFLINE = "现在没有网络"
ABSENT = "没有找到，或您无权查看"


def test_sign_in_says_what_is_wrong_and_locks_after_five(open_page: Callable[..., Page], live: Live) -> None:
    """Empty, wrong, locked: each in words, what was typed stays; the right password does not help while locked."""
    page, account = open_page(None), live.account("doctor", "binjiang")
    page.goto("/sign-in")
    go = page.get_by_role("button", name="登录", exact=True)
    go.click()
    expect(page.get_by_text("请填写账号。")).to_be_visible()
    expect(page.get_by_label("账号")).to_be_focused()
    page.get_by_label("账号").fill(account["username"])
    for _ in range(4):
        page.locator("#password").fill("not-the-password")
        go.click()
        expect(page.get_by_role("alert")).to_contain_text("账号或密码不对")
        expect(page.locator("#password")).to_have_value("")
    page.locator("#password").fill("not-the-password")
    go.click()
    expect(page.get_by_role("alert")).to_contain_text("暂停登录 15 分钟")
    expect(page.get_by_label("账号")).to_have_value(account["username"])
    page.locator("#password").fill(account["password"])
    go.click()
    expect(page.get_by_role("alert")).to_contain_text("暂停登录 15 分钟")
    assert "/sign-in" in page.url


def test_password_change_and_sign_out(open_page: Callable[..., Page], live: Live) -> None:
    """The new password signs in, the old one no more; after signing out an old address asks to sign in and leads back."""
    account = live.account("party_office", "binjiang")
    page = open_page("party_office", "binjiang")
    page.goto("/h/binjiang/me")
    new = "plum-river-47-bridge"
    for given, said in (("wrong-now", "当前密码不对"), (account["password"], "")):
        page.get_by_label("当前密码").fill(given)
        page.get_by_label("新密码", exact=True).fill(new)
        page.get_by_label("再填一次新密码").fill(new)
        page.get_by_role("button", name="更改密码").click()
        if said:
            expect(page.locator("#current-error")).to_contain_text(said)
    expect(page.locator(".toast")).to_have_text("密码已更改")
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/sign-in")
    page.goto("/h/binjiang/r/org.person")
    page.wait_for_url(re.compile(r"/sign-in\?next="))
    for secret in (account["password"], new):
        page.get_by_label("账号").fill(account["username"])
        page.locator("#password").fill(secret)
        page.locator("#password").press("Enter")
        if secret != new:
            expect(page.get_by_role("alert")).to_contain_text("账号或密码不对")
    page.wait_for_url("**/h/binjiang/r/org.person")
    expect(page.get_by_role("heading", level=1)).to_have_text("人员")


def test_keyboard_alone_opens_a_warning(open_page: Callable[..., Page], live: Live) -> None:
    """No pointer: sign in, skip to the text, search with `/`, walk with j and k, open, ask for a dialog, Esc closes it."""
    page, account = open_page(None), live.account("inspector", "binjiang")
    page.goto("/sign-in")
    expect(page.get_by_label("账号")).to_be_focused()
    page.keyboard.type(account["username"])
    page.keyboard.press("Tab")
    page.keyboard.type(account["password"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/h/binjiang/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    _tab_to(page, "预警")
    page.keyboard.press("Enter")
    page.wait_for_url("**/r/warning.warning")
    rows = page.locator("[data-row]")
    expect(rows.nth(1)).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("性别药品")
    expect(page).to_have_url(re.compile("q="))
    expect(page.locator(".list-card")).to_have_attribute("aria-busy", "false")
    _tab_to(page, "导出到 Excel…", backwards=True)  # out of the box: there letters are letters
    for key, place in (("j", 0), ("j", 1), ("k", 0)):
        page.keyboard.press(key)
        expect(rows.nth(place)).to_be_focused()
    title = rows.nth(0).inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url("**/r/warning.warning/*")
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text(title)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    _tab_to(page, "结案")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="结案")).to_be_focused()  # back where one was


def _tab_to(page: Page, name: str, *, backwards: bool = False) -> None:
    """Press Tab until the element with that text has the focus; it must come within forty steps."""
    for _ in range(40):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if page.evaluate("document.activeElement.innerText || ''").strip() == name:
            return
    raise AssertionError(f"“{name}” is not reached with Tab")


def test_two_people_at_once_and_the_second_is_told(open_page: Callable[..., Page], live: Live) -> None:
    """One closes while the other asks the department and its head answers: what was typed stays, and nothing is lost.

    Where the state forbids the second command it is refused in words; where it is still allowed the conflict dialog
    asks, and the person may go on with the new version.
    """
    where = '{"op":"and","args":[{"op":"eq","args":[{"field":"state"},{"value":"open"}]},'
    where += '{"op":"eq","args":[{"field":"department"},{"value":"心内科"}]}]}'
    api = live.api("inspector", "binjiang")
    rows = api.get(f"/api/v1/h/binjiang/resources/warning.warning/rows?where={quote(where)}")[1]["rows"]
    path = f"/r/warning.warning/{rows[0]['uid']}"
    first, second = open_page("ethics_office", "binjiang"), open_page("inspector", "binjiang")
    second.goto(f"/h/binjiang{path}")
    second.get_by_role("button", name="结案").click()
    second.get_by_label("核实结果").select_option("useful")
    second.get_by_label("结论").fill("已当面核实。")
    first.goto(f"/h/binjiang{path}")
    first.get_by_role("button", name="请科室说明").click()
    expect(first.get_by_role("combobox", name="承办科室")).to_have_value(
        "心内科"
    )  # the warning's own, by name
    first.get_by_role("dialog").get_by_role("button", name="请科室说明").click()
    expect(first.locator(".badges")).to_contain_text("等待科室说明")
    close = second.get_by_role("dialog").get_by_role("button", name="结案")
    close.click()
    expect(second.get_by_role("alert")).to_contain_text("现在的状态下不能结案")
    expect(second.get_by_label("结论")).to_have_value("已当面核实。")
    _answer(open_page, live, rows[0]["uid"])
    close.click()
    told = second.get_by_role("dialog", name="这条内容刚刚被别人改过")
    expect(told).to_be_visible()
    told.get_by_role("button", name="按选择保存").click()
    expect(second.locator(".badges")).to_contain_text("已结案")


def _answer(open_page: Callable[..., Page], live: Live, uid: str) -> None:
    """The head of 心内科 answers on the page."""
    page = open_page(None)
    account = next(one for one in live.stack.accounts() if one["username"] == "binjiang-head-xinneike")
    enter(page, live.url, account["username"], account["password"])
    page.goto(f"/h/binjiang/r/warning.warning/{uid}")
    page.get_by_role("button", name="提交说明").click()
    page.get_by_label("情况说明").fill("见附件。")
    page.locator("input[type=file]").set_input_files(
        {"name": "讨论记录.txt", "mimeType": "text/plain", "buffer": "讨论".encode()}
    )
    expect(page.locator(".file-list")).to_contain_text("讨论记录.txt")
    page.get_by_role("dialog").get_by_role("button", name="提交说明").click()
    expect(page.locator(".badges")).to_contain_text("科室已说明")


def test_another_hospital_is_as_if_it_did_not_exist(open_page: Callable[..., Page], live: Live) -> None:
    """Same page for a place where one has no post, a hospital that is not there, and a warning one may not see.

    The first page of another hospital is the one that every visitor sees.
    """
    page = open_page(None)
    account = live.account("inspector", "yunling")
    enter(page, live.url, account["username"], account["password"])
    theirs = live.api("inspector", "binjiang").get(
        "/api/v1/h/binjiang/resources/warning.warning/rows?limit=1"
    )[1]
    said = []
    page.goto("/h/binjiang/")
    expect(page.get_by_role("heading", level=1)).to_have_text("滨江示范医院")
    expect(page.get_by_text("院内", exact=True)).to_have_count(0)
    for path in (
        "/h/binjiang/me",
        "/h/nowhere/",
        "/h/binjiang/r/warning.warning",
        f"/h/yunling/r/warning.warning/{theirs['rows'][0]['uid']}",
        f"/h/binjiang/r/warning.warning/{theirs['rows'][0]['uid']}",
    ):
        page.goto(path)
        expect(page.get_by_role("heading", level=1)).to_have_text(ABSENT)
        said.append(page.locator("main").inner_text())
    assert len(set(said)) == 1


def test_without_network_the_page_says_so_and_keeps_what_was_typed(open_page: Callable[..., Page]) -> None:
    """The notice comes with the loss and goes with the return; the form keeps its words."""
    page = open_page("inspector", "binjiang")
    page.goto("/h/binjiang/me")
    page.get_by_label("新密码", exact=True).fill("typed-before-the-loss")
    page.get_by_label("再填一次新密码").fill("typed-before-the-loss")
    page.get_by_label("当前密码").fill("anything")
    page.context.set_offline(True)
    expect(page.get_by_text(OFFLINE)).to_be_visible()
    page.get_by_role("button", name="更改密码").click()
    expect(page.get_by_role("alert")).to_contain_text("您填写的内容还在这里")
    expect(page.get_by_label("新密码", exact=True)).to_have_value("typed-before-the-loss")
    page.context.set_offline(False)
    expect(page.get_by_text(OFFLINE)).to_have_count(0)


def test_a_job_is_cancelled_and_resumed(open_page: Callable[..., Page], live: Live) -> None:
    """While no worker runs the job waits; cancelled it says so; resumed, a new worker brings it to its end."""
    page = open_page("pharmacy", "binjiang")
    live.stop_worker()
    page.goto("/h/binjiang/r/warning.run")
    page.get_by_role("button", name="计算预警").click()
    page.get_by_role("dialog").get_by_role("button", name="计算预警").click()
    page.wait_for_url("**/jobs/*")
    job = page.locator(".job")
    expect(job).to_have_attribute("data-state", "queued")
    expect(page.get_by_text("您可以离开这一页")).to_be_visible()
    page.get_by_role("button", name="取消任务").click()
    page.get_by_role("dialog").get_by_role("button", name="取消任务").click()
    expect(job).to_have_attribute("data-state", "cancelled")
    expect(job).to_contain_text("已取消")
    page.get_by_role("button", name="从中断处继续").click()
    expect(job).to_have_attribute("data-state", "queued")
    live.start_worker()
    expect(job).to_have_attribute("data-state", "done", timeout=120_000)
    expect(page.locator(".result")).to_contain_text("计算完成")
