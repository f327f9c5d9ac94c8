"""A file leaves the house: asked for, approved by somebody else, taken once; and what the record says of looking."""

import json
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import axe
from tests.support.live import Live

pytestmark = pytest.mark.e2e

H = "binjiang"
WRITING = re.compile(r"/api/|[0-9a-f]{8}-[0-9a-f]{4}-|\b[a-z]+\.[a-z_]+\b")


def test_asked_approved_by_another_and_taken_once(open_page: Callable[..., Page]) -> None:
    """The requester is offered no approval of the own request; the second download says why not and what to do."""
    asker, leader = open_page("inspector", H), open_page("leader", H)
    asker.goto(f"/h/{H}/r/warning.warning?level=red")
    asker.get_by_role("button", name="导出到 Excel…").click()
    dialog = asker.get_by_role("dialog")
    dialog.get_by_role("button", name="送交审批").click()
    expect(dialog).to_contain_text("请选择用途。")
    dialog.get_by_label("用途").select_option(index=1)
    dialog.get_by_label("用在哪里，给谁看").fill("三季度药事会讨论")
    assert not axe(asker)
    dialog.get_by_role("button", name="送交审批").click()
    asker.get_by_role("link", name="看审批进度").click()
    expect(asker.get_by_role("button", name="撤回")).to_be_visible()
    expect(asker.get_by_role("button", name="批准")).to_have_count(0)
    asked = asker.url
    leader.goto(asked)
    expect(leader.locator(".say")).to_contain_text("申请导出“预警”")
    leader.get_by_role("button", name="批准", exact=True).click()
    leader.get_by_role("dialog").get_by_role("button", name="批准", exact=True).click()
    expect(leader.locator(".toast")).to_contain_text("已批准")
    file = asker.get_by_role("link", name=re.compile("^下载"))
    for _ in range(30):
        asker.goto(asked)
        expect(asker.locator(".say")).to_be_visible()
        if file.count():
            break
    href = file.get_attribute("href")
    with asker.expect_download() as taken:
        file.click()
    assert taken.value.suggested_filename.endswith(".xlsx")
    expect(asker.locator(".say")).to_contain_text("文件已被申请人下载")  # the page reads its state again
    assert asker.context.request.get(href or "").status == 410


def test_the_record_speaks_chinese(open_page: Callable[..., Page], live: Live) -> None:
    """What the security administrator looked at with another's eyes stands there in words, under the looker's name."""
    security, audit = open_page("security_admin", H), open_page("audit_admin", H)
    head = live.account("department_head", H)
    before = _readings(live, head["name"])
    security.goto(f"/h/{H}/rights/view-as")
    box = security.get_by_role("combobox", name="以谁的身份", exact=True)
    box.fill(head["name"])
    expect(security.get_by_role("option").first).to_contain_text(head["name"])
    box.press("Enter")
    security.get_by_label("理由").fill("核对她看到的预警")
    security.get_by_role("button", name="开始查看").click()
    expect(security.get_by_role("region", name="以他人身份查看")).to_be_visible()
    security.goto(f"/h/{H}/r/warning.warning")
    security.locator("[data-row]").first.click()
    expect(security.locator(".hero")).to_be_visible()
    expect(security.get_by_role("button", name="提交说明")).to_have_count(
        0
    )  # nothing to press that is refused
    audit.goto(f"/h/{H}/r/audit.reading")
    rows = audit.locator(".rows tbody tr")
    expect(rows.filter(has_text=f"以{head['name']}的身份看：预警（详情）").first).to_be_visible()
    assert _readings(live, head["name"]) == before  # she herself has read nothing
    shown = rows.filter(has_text="的身份看：").all_inner_texts()
    assert shown and not [text for text in shown if WRITING.search(text)]
    audit.goto(f"/h/{H}/r/audit.event")
    expect(audit.locator(".rows tbody")).to_contain_text("开始以他人身份查看")
    assert not [text for text in rows.all_inner_texts() if WRITING.search(text)]


def _readings(live: Live, name: str) -> int:
    """How many looks stand in the record under that name (the newest hundred)."""
    rows = live.api("audit_admin", H).get(
        f"/api/v1/h/{H}/resources/audit.reading/rows?limit=100&where="
        + quote(json.dumps({"op": "eq", "args": [{"field": "label"}, {"value": name}]}))
    )[1]["rows"]
    return len(rows)
