"""The house furnished: people from a file, rights explained, the record, somebody who leaves, a member's box, two steps."""

import base64
import hashlib
import hmac
import re
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import PHONE, axe
from tests.support.live import Live

pytestmark = pytest.mark.e2e

H = "binjiang"
HEADS = ["工号", "姓名", "科室", "职务", "人员类别", "入职日期"]
#: Two people that the demonstration does not have.
FIRST = ["H9001", "路示例", "骨科", "护师", "职工", "2025-03-01"]
SECOND = ["H9002", "滕示例", "心内科", "主管护师", "职工", "2025-03-01"]


def test_the_register_names_every_party_member(open_page: Callable[..., Page], live: Live) -> None:
    """360 members in 60 branches, each with the organisation and the days."""
    status, said = live.api("hospital_admin", H).get(f"/api/v1/h/{H}/resources/roster.membership/rows")
    assert status == 200 and said["count"]["value"] == 360, said
    page = open_page("hospital_admin", H)
    page.goto(f"/h/{H}/r/roster.membership")
    expect(page.locator("main")).to_contain_text("共 360 条")


def test_hospital_administrator_imports_people(
    open_page: Callable[..., Page], live: Live, tmp_path: Path
) -> None:
    """A bad file is explained and changes nothing; a good one shows its difference, takes effect, and is undone."""
    page, api = open_page("hospital_admin", H), live.api("hospital_admin", H)
    page.goto(f"/h/{H}/roster/import")
    page.locator(".datasets b").filter(has_text=re.compile("^人员$")).click()
    with page.expect_download() as template:
        page.get_by_role("link", name=re.compile("模板")).click()
    template.value.save_as(tmp_path / "template.xlsx")
    sheet = openpyxl.load_workbook(tmp_path / "template.xlsx").worksheets[0]
    shown = {str(cell.value or "").rstrip("*＊ ") for row in sheet.iter_rows(max_row=5) for cell in row}
    assert {"工号", "姓名", "科室"} <= shown
    twice = _staff(tmp_path / "twice.xlsx", [FIRST, ["H9001", "滕示例", "心内科", "", "", ""]])
    _compare(page, twice)
    expect(page.locator("#step-head")).to_contain_text("改好文件之后才能应用")
    expect(page.locator(".findings")).to_contain_text("怎么办")
    expect(page.get_by_role("button", name=re.compile("^应用"))).to_be_disabled()
    page.get_by_role("button", name="回去改").click()
    page.get_by_role("button", name="换一个文件").click()
    _compare(page, _staff(tmp_path / "good.xlsx", [FIRST, SECOND]))
    expect(page.locator("#step-head")).to_have_text("2 项变动")
    expect(page.locator(".diff")).to_contain_text("路示例")
    page.locator(".diff li").filter(has_text="滕示例").locator("label").click()
    expect(page.locator(".diff summary")).to_contain_text("1 项这次不应用")
    assert not axe(page)
    assert _people(api, "路示例") == []  # looking at a difference changes nothing
    page.get_by_role("button", name="应用 1 项变动").click()
    expect(page.locator("#step-head")).to_have_text("已经应用", timeout=60_000)
    assert [one["name"] for one in _people(api, "路示例")] == ["路示例"]
    assert _people(api, "滕示例") == []
    page.get_by_role("button", name="撤销这批变动…").click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("撤销")).click()
    expect(page.locator(".toast")).to_contain_text("撤销")
    assert [one for one in _people(api, "路示例") if one["posted"] == "yes"] == []


def test_security_administrator_explains_looks_and_gives_a_code(
    open_page: Callable[..., Page], live: Live
) -> None:
    """Why a head sees a warning; her eyes, read-only, under a band on every page; a code that lets a colleague in again."""
    page, head = open_page("security_admin", H), live.account("department_head", H)
    page.goto(f"/h/{H}/rights/why")
    _choose(page, "谁", head["name"])
    page.get_by_label("哪一种内容").select_option("warning.warning")
    hers = live.api("department_head", H).get(f"/api/v1/h/{H}/resources/warning.warning/rows?limit=1")[1][
        "rows"
    ][0]
    _choose(page, "哪一项", hers["uid"], shown=hers["label"])
    page.get_by_label("做什么").select_option("view")
    page.get_by_role("button", name="查一查").click()
    expect(page.locator(".verdict h2")).to_contain_text(head["name"])
    expect(page.locator(".verdict .tag")).to_contain_text("可以")
    expect(page.locator(".halves")).to_contain_text("科室负责人")
    assert not axe(page)
    page.goto(f"/h/{H}/rights/view-as")
    page.get_by_role("button", name="开始查看").click()
    expect(page.locator("#as-reason-error")).to_contain_text("请写明理由")
    _choose(page, "以谁的身份", head["name"])
    page.get_by_label("理由").fill("核对她说的看不到预警")
    page.get_by_role("button", name="开始查看").click()
    band = page.get_by_role("region", name="以他人身份查看")
    expect(band).to_contain_text(head["name"])
    expect(page.get_by_role("heading", level=1)).to_contain_text(head["name"])
    page.goto(f"/h/{H}/r/warning.warning")
    expect(page.locator("[data-row]").first).to_be_visible()
    expect(band).to_be_visible()
    refused = page.evaluate(
        f"""async () => {{ const token = /csrftoken=([^;]+)/.exec(document.cookie)[1];
        const answer = await fetch('/api/v1/h/{H}/notices/read-all', {{method: 'POST', headers: {{'X-CSRFToken': token}}}});
        return [answer.status, (await answer.json()).code]; }}"""
    )
    assert refused == [403, "view_only"]
    band.get_by_role("button", name="结束查看").click()
    expect(band).to_have_count(0)
    _give_a_code(page, open_page, live)


def _give_a_code(page: Page, open_page: Callable[..., Page], live: Live) -> None:
    colleague = live.account("correspondent", H)
    page.goto(f"/h/{H}/r/accounts.account?q={colleague['username']}")
    page.locator("[data-row]").first.click()
    page.get_by_role("button", name="发登录码").click()
    page.get_by_role("dialog").get_by_role("button", name="发登录码").click()
    code = page.locator(".one-code").inner_text()
    page.get_by_role("button", name="已告诉本人").click()
    assert code not in page.content()
    other = open_page(None)
    other.goto("/sign-in")
    other.get_by_role("button", name="用一次性登录码登录").click()
    for given, said in ((code[::-1], "登录码"), (code, "")):
        other.get_by_label("账号").fill(colleague["username"])
        other.get_by_label("一次性登录码").fill(given)
        other.get_by_label("新密码", exact=True).fill("willow-lantern-83-boat")
        other.get_by_label("再填一次新密码").fill("willow-lantern-83-boat")
        other.get_by_role("button", name="设置密码并登录").click()
        if said:
            expect(other.locator(".form-error, .field-error").first).to_be_visible()
    other.wait_for_url(f"**/h/{H}/")


def test_audit_administrator_sees_who_read_what(open_page: Callable[..., Page], live: Live) -> None:
    """A look at something sensitive stands in the record, by name; the seal and its copy are shown; nobody else gets in."""
    page = open_page("audit_admin", H)
    page.goto(f"/h/{H}/record")
    expect(page.get_by_role("heading", level=1)).to_have_text("记录概览")
    expect(page.locator(".overall")).to_contain_text("还没有封存")
    assert not axe(page)
    security = live.api("security_admin", H)
    head = live.account("department_head", H)
    people = security.get(f"/api/v1/h/{H}/rights/people?q={head['username']}")[1]
    asked = f"person={people[0]['uid']}&type=warning.warning&action=view"
    assert security.get(f"/api/v1/h/{H}/rights/why?{asked}")[0] == 200
    page.get_by_role("link", name=re.compile("^查看记录")).click()
    expect(page.locator(".rows tbody")).to_contain_text(live.account("security_admin", H)["name"])
    other = open_page("staff", H)
    other.goto(f"/h/{H}/record")
    expect(other.get_by_role("heading", level=1)).to_have_text("没有找到，或您无权查看")


def test_leaver_is_out_on_the_next_click(open_page: Callable[..., Page], live: Live) -> None:
    """Signed in and reading; the administrator ends the service; the next click shows nothing of the hospital."""
    account = live.account("drug_expert", H)
    leaver, admin = open_page("drug_expert", H), open_page("hospital_admin", H)
    expect(leaver.get_by_role("heading", level=1)).to_contain_text(account["name"])
    found = _people(live.api("hospital_admin", H), account["name"])
    admin.goto(f"/h/{H}/r/org.person/{found[0]['uid']}")
    admin.get_by_role("button", name="办理离院").click()
    admin.get_by_role("dialog").get_by_role("button", name="离院", exact=True).click()
    expect(admin.get_by_role("dialog")).to_have_count(0)
    leaver.goto(f"/h/{H}/menu")
    expect(leaver.get_by_role("heading", level=1)).to_have_text("没有找到，或您无权查看")
    session = leaver.context.request.get("/api/v1/session").json()
    assert H not in [one["slug"] for one in session["hospitals"]]


def test_member_reads_notices_on_a_phone(open_page: Callable[..., Page], live: Live) -> None:
    """The box from the bottom bar, one is read, the number goes down; a rest of one's own is kept."""
    person = live.account("member", H)["username"]
    live.manage("notify", "send-test", "--hospital", H, "--user", person)
    page = open_page("member", H, viewport=PHONE)
    bell = page.get_by_role("navigation", name="底部菜单").get_by_role("link", name=re.compile("通知"))
    expect(bell).to_have_accessible_name(re.compile(r"通知，\d+ 条等您"))
    bell.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("通知")
    before = int(re.findall(r"\d+", bell.get_attribute("aria-label") or "0")[0])
    page.get_by_role("button", name=re.compile("^标为已看")).first.click()
    expect(bell).to_have_accessible_name("通知" if before == 1 else f"通知，{before - 1} 条等您")
    page.get_by_role("link", name="设置").click()
    page.get_by_label("从", exact=True).fill("21:30")
    page.get_by_role("button", name="保存设置").click()
    expect(page.locator(".toast")).to_contain_text("已保存")
    page.reload()
    expect(page.get_by_label("从", exact=True)).to_have_value("21:30")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_two_steps_are_set_up_and_asked(open_page: Callable[..., Page], live: Live) -> None:
    """The key from the page, a wrong and a right number, codes shown once; then signing in asks for the second step."""
    account = live.account("supervisor", H)
    page = open_page("supervisor", H)
    page.goto(f"/h/{H}/me")
    page.get_by_role("button", name="设置验证器").click()
    secret = page.locator(".secret").inner_text().replace(" ", "")
    expect(page.locator("svg.qr path")).to_have_attribute("d", re.compile("^M"))
    page.locator("#totp-code").fill("000000")
    page.get_by_role("button", name="启用两步登录").click()
    expect(page.locator("#totp-error")).to_contain_text("验证码不对")
    page.locator("#totp-code").fill(_totp(secret, time.time()))
    page.get_by_role("button", name="启用两步登录").click()
    codes = page.locator(".codes li")
    expect(codes.first).to_be_visible()
    recovery = codes.first.inner_text()
    assert codes.count() >= 8
    page.get_by_role("button", name="我已保存").click()
    expect(page.get_by_text("登录时填写六位数字")).to_be_visible()
    assert recovery not in page.content()
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/sign-in")
    page.get_by_label("账号").fill(account["username"])
    page.locator("#password").fill(account["password"])
    page.locator("#password").press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("再确认一次是您")
    page.get_by_label("验证码").fill("000000")
    page.get_by_role("button", name="确认").click()
    expect(page.get_by_role("alert")).to_contain_text("验证码不对")
    page.get_by_label("验证码").fill(recovery)
    page.get_by_role("button", name="确认").click()
    page.wait_for_url(f"**/h/{H}/")


def test_passkey_signs_in(open_page: Callable[..., Page], live: Live) -> None:
    """A key made on this device (Chromium's virtual one) is listed and confirms the second step."""
    account, url = live.account("branch_committee", H), live.url.replace("127.0.0.1", "localhost")
    page = open_page(None)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    made |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": made})
    _sign_in(page, url, account)
    page.wait_for_url(f"**/h/{H}/")
    page.goto(f"{url}/h/{H}/me")
    page.get_by_role("button", name="添加…").click()
    page.get_by_label("给它起个名字").fill("办公室电脑")
    page.get_by_role("button", name="添加", exact=True).click()
    page.get_by_role("button", name="我已保存").click()
    expect(page.get_by_role("button", name="移除通行密钥“办公室电脑”")).to_be_visible()
    page.get_by_role("button", name="退出登录").click()
    page.wait_for_url("**/sign-in")
    _sign_in(page, url, account)
    page.get_by_role("button", name="用通行密钥确认").click()
    page.wait_for_url(f"**/h/{H}/")


def _sign_in(page: Page, url: str, account: dict[str, str]) -> None:
    page.goto(f"{url}/sign-in")
    page.get_by_label("账号").fill(account["username"])
    page.locator("#password").fill(account["password"])
    page.locator("#password").press("Enter")


def _staff(path: Path, rows: list[list[str]]) -> Path:
    book = openpyxl.Workbook()
    for row in [HEADS, *rows]:
        book.worksheets[0].append(row)
    book.save(path)
    return path


def _compare(page: Page, file: Path) -> None:
    """From the choice of the file to its difference."""
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator(".mapping")).to_be_visible(timeout=30_000)  # read in a process of its own
    page.get_by_role("button", name="看差异").click()
    expect(page.locator(".stages .now")).to_contain_text("看差异", timeout=30_000)


def _people(api: Any, name: str) -> list[dict[str, Any]]:
    """The people that the administrator's list finds by that name."""
    rows = api.get(f"/api/v1/h/{H}/resources/org.person/rows?q={quote(name)}")[1]["rows"]
    return [{"uid": row["uid"], **row["values"]} for row in rows if row["values"]["name"] == name]


def _choose(page: Page, label: str, text: str, shown: str = "") -> None:
    box = page.get_by_role("combobox", name=label, exact=True)
    box.fill(text)
    expect(page.get_by_role("option").filter(has_text=shown or text).first).to_be_visible()
    box.press("Enter")
    expect(box).to_have_attribute("aria-expanded", "false")


def _totp(secret: str, at: float) -> str:
    """Six digits by RFC 6238 (SHA-1, 30 s), from the standard library alone."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, struct.pack(">Q", int(at) // 30), hashlib.sha1).digest()
    start = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[start : start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def test_accounts_for_many_are_shown_before_any_is_opened(open_page: Callable[..., Page], live: Live) -> None:
    """The form asks for the department only when it is one; what it leads to says how many and opens nobody."""
    page, api = open_page("hospital_admin", H), live.api("hospital_admin", H)
    before = api.get(f"/api/v1/h/{H}/resources/accounts.account/rows")[1]["count"]
    page.goto(f"/h/{H}/r/accounts.account")
    page.get_by_role("button", name="批量开通账号").click()
    department = page.get_by_role("combobox", name="科室")
    expect(department).to_be_hidden()
    page.get_by_label("为谁开通").select_option("department")
    page.get_by_role("button", name="看看有多少人").click()
    expect(page.locator(".field-error")).to_contain_text("请选择“科室”")
    department.fill("重症医学科")
    page.get_by_role("option").filter(has_text="重症医学科").first.click()
    page.get_by_role("button", name="看看有多少人").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("重症医学科")
    expect(page.locator("main")).to_contain_text("现在还没有开通")
    assert api.get(f"/api/v1/h/{H}/resources/accounts.account/rows")[1]["count"] == before


def test_a_recusal_asks_only_for_what_is_kept_away_from(open_page: Callable[..., Page]) -> None:
    """A colleague is found by typing a letter of the name; the row stands in one's own list at once."""
    page = open_page("branch_secretary", H, viewport=PHONE)
    page.goto(f"/h/{H}/r/policy.recusal")
    page.get_by_role("button", name="申报回避").click()
    colleague = page.get_by_role("combobox", name="涉及人员")
    expect(colleague).to_be_hidden()
    page.get_by_label("回避什么").select_option("person")
    colleague.click()
    offered = page.locator("[role=option]")  # not those of the box above
    name = offered.first.inner_text()
    colleague.fill(name[:2])
    offered.filter(has_text=name).first.click()
    page.get_by_label("事由").fill("近亲属")
    page.get_by_role("button", name="申报", exact=True).click()
    expect(page.locator("main")).to_contain_text(name.split("（")[0])
