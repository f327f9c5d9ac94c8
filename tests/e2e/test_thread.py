"""The thread, as people walk it: plugin on, files in, warnings computed, found, followed to the row, answered, closed.

Hospital 云岭示例医院 has no data and no plugin when this begins. Every value asserted is computed in thread_data.py.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import thread_data
from tests.e2e.thread_data import BAD, BAD_DATE, DEAR, DEPARTMENT, HEADINGS, MONTHS
from tests.support.browser import PHONE

pytestmark = pytest.mark.e2e

HOSPITAL = "yunling"
SLOW = 90_000  # a job on a busy machine, ms
NOTE = "三月收治翻修病例较多，用量随之增加，病例讨论记录见附件。"
OUTCOME = "讨论记录与病历一致，理由成立。"


def test_from_an_empty_hospital_to_a_closed_warning(open_page: Callable[..., Page], tmp_path: Path) -> None:
    """One story, seven scenes; each scene is a function below."""
    files, want = thread_data.write_files(tmp_path), thread_data.expected()
    _administrator_enables_the_plugin(open_page("hospital_admin", HOSPITAL))
    pharmacist = open_page("pharmacy", HOSPITAL)
    _pharmacist_imports(pharmacist, files)
    _pharmacist_computes(pharmacist)
    inspector = open_page("inspector", HOSPITAL)
    _inspector_finds(inspector)
    _inspector_reads(inspector, want)
    _inspector_follows_a_line_to_its_row(inspector, want, files["mended"].name)
    _inspector_assigns(inspector)
    head = open_page("department_head", HOSPITAL, viewport=PHONE)
    answer = tmp_path / "病例讨论记录.txt"
    answer.write_text("三例翻修，逐例讨论。", encoding="utf-8")
    _head_answers(head, answer)
    _inspector_closes(inspector, answer)


def _administrator_enables_the_plugin(page: Page) -> None:
    menu = page.get_by_role("navigation", name="主菜单")
    menu.get_by_text("更多").click()
    menu.get_by_role("link", name="插件").click()
    expect(page.get_by_text("未启用")).to_be_visible()
    page.get_by_role("button", name="启用“药品耗材预警”").click()
    page.get_by_role("dialog").get_by_role("button", name="启用", exact=True).click()
    expect(page.get_by_text("已启用", exact=True)).to_be_visible()
    expect(menu.get_by_role("link", name="规则")).to_be_visible()


def _pharmacist_imports(page: Page, files: dict[str, Path]) -> None:
    for label, name, rows in (
        ("药品耗材目录", "items", 3),
        ("科室目录", "departments", 1),
        ("医师目录", "doctors", 7),
    ):
        _choose(page, label, files[name])
        _check(page, f"{rows} 行都可以导入。")
        _import(page, rows)
    lines = len(thread_data.make_lines())
    _choose(page, "处方明细", files["lines"])
    for key, heading in (
        ("source_key", HEADINGS[0]),
        ("date", HEADINGS[2]),
        ("item", HEADINGS[7]),
        ("qty", HEADINGS[10]),
    ):
        expect(page.locator(f"#m-{key}")).to_have_value(heading)  # guessed, nothing chosen by hand
    _check(page, f"{lines - 1} 行可以导入，1 行有问题。")
    finding = page.locator(".findings li")
    expect(finding).to_contain_text(f"“{BAD_DATE}”不是有效的日期。")
    expect(finding).to_contain_text(f"第 {BAD + 2} 行")
    expect(finding).to_contain_text(HEADINGS[2])
    go = page.get_by_role("button", name=f"导入 {lines - 1} 行")
    expect(go).to_be_disabled()  # not unless the person says so
    page.get_by_text("有问题的 1 行先隔离").click()
    expect(go).to_be_enabled()
    go.click()
    _done(page, {"读到的行": str(lines), "导入的行": str(lines - 1), "隔离的行": "1"})
    _choose(page, "处方明细", files["mended"])
    _check(page, f"{lines} 行都可以导入。")
    page.get_by_role("button", name=f"导入 {lines} 行").click()
    _done(page, {"读到的行": str(lines), "隔离的行": "0", "月份": "1"})  # only the mended month changed


def _choose(page: Page, dataset: str, file: Path) -> None:
    """The wizard's first step, from its own address: a new import."""
    page.goto(f"/h/{HOSPITAL}/lake/import")
    page.get_by_role("radio", name=dataset).check()
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("heading", name="文件里的列，对应哪一项")).to_be_visible()


def _check(page: Page, verdict: str) -> None:
    page.get_by_role("button", name="检查这个文件").click()
    expect(page.locator("#step-head")).to_have_text(verdict, timeout=SLOW)


def _import(page: Page, rows: int) -> None:
    page.get_by_role("button", name=f"导入 {rows} 行").click()
    _done(page, {"导入的行": str(rows)})


def _done(page: Page, figures: dict[str, str]) -> None:
    """The progress bar is there and goes to its end; then the result says these figures."""
    expect(page.get_by_role("progressbar", name="导入数据")).to_be_visible()
    expect(page.locator(".job")).to_have_attribute("data-state", "done", timeout=SLOW)
    for label, value in figures.items():
        expect(_figure(page.locator(".result"), label)).to_have_text(value)


def _figure(place: Any, label: str) -> Any:
    """The number under a label of a row of figures."""
    return place.locator(f"dl > div:has(dt:text-is('{label}')) dd").first


def _pharmacist_computes(page: Page) -> None:
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name="运行记录").click()
    page.get_by_role("button", name="计算预警").click()
    page.get_by_role("dialog").get_by_role("button", name="计算预警").click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator(".job")).to_have_attribute("data-state", "done", timeout=SLOW)
    expect(page.locator(".result")).to_contain_text("计算完成")


def _inspector_finds(page: Page) -> None:
    page.get_by_role("navigation", name="主菜单").get_by_role("link", name="预警", exact=True).click()
    page.get_by_label("类别").select_option("C")
    page.get_by_role("searchbox").fill(DEAR)
    expect(page).to_have_url(
        re.compile(f"rule_class=C&q={DEAR}")
    )  # a filtered list can be passed on as an address
    row = page.locator("tbody tr", has_text="次均处方费用")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("黄色预警")
    expect(row).to_contain_text("待处理")
    expect(row).to_contain_text(DEPARTMENT)
    expect(row).to_contain_text(MONTHS[-1])
    row.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(DEAR)


def _inspector_reads(page: Page, want: thread_data.Expected) -> None:
    """Sentence, figures, chart and its table, lines: all equal to what was computed from the rows."""
    hero = page.locator(".hero")
    expect(hero).to_contain_text(f"次均处方费用 {want.value.rstrip('0').rstrip('.')} 元")
    expect(hero).to_contain_text(f"中位数 {want.median.rstrip('0').rstrip('.')} 元")
    expect(hero).to_contain_text("偏离同行，需核实")
    expect(_figure(hero, "本期")).to_have_text(f"{want.value}元")
    expect(_figure(hero, f"同行中位数（n={want.peers}）")).to_have_text(f"{want.median}元")
    expect(_figure(hero, "样本")).to_have_text(str(want.rx))
    expect(hero).to_contain_text(f"{want.total} ÷ {want.rx}")
    expect(page.locator(".chart svg")).to_have_attribute("aria-label", re.compile(f"（{MONTHS[-1]}）为"))
    page.get_by_role("button", name="看表格").click()
    rows = page.locator("[data-kind=chart] tbody tr")
    expect(rows).to_have_count(len(MONTHS))
    for place, (month, value) in enumerate(zip(MONTHS, want.by_month, strict=True)):
        expect(rows.nth(place).locator("td").nth(0)).to_have_text(month)
        expect(rows.nth(place).locator("td").nth(1)).to_have_text(value)
    expect(page.get_by_role("tabpanel")).to_contain_text(f"共 {want.lines} 条")


def _inspector_follows_a_line_to_its_row(page: Page, want: thread_data.Expected, file: str) -> None:
    warning = page.url
    line = page.get_by_role("tabpanel").locator("tbody tr", has_text=want.top.rx)
    expect(line).to_contain_text(f"{want.top.amount:,.2f}")
    expect(line).to_contain_text("示例消炎胶囊")
    line.get_by_role("link", name=f"第 {want.top_row} 行").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"第 {want.top_row} 行")
    expect(page.locator("main")).to_contain_text(file)
    raw = page.locator("section", has=page.get_by_role("heading", name="文件中的原样"))
    for heading, cell in zip(HEADINGS, want.top.cells(), strict=True):
        shown = f"{cell[:1]}****（患者编号已遮盖）" if cell == want.top.patient else cell
        expect(_figure(raw, heading)).to_have_text(shown)
    page.goto(warning)


def _inspector_assigns(page: Page) -> None:
    page.get_by_role("button", name="请科室说明").click()
    dialog = page.get_by_role("dialog")
    box = dialog.get_by_role("combobox", name="承办科室")
    if not box.input_value():
        box.fill(DEPARTMENT)
        dialog.get_by_role("option", name=DEPARTMENT).first.click()
    expect(box).to_have_value(DEPARTMENT)
    dialog.get_by_label("请说明什么").fill("请说明三月用量增加的原因。")
    dialog.get_by_role("button", name="请科室说明").click()
    expect(page.locator(".badges")).to_contain_text("等待科室说明")


def _head_answers(page: Page, file: Path) -> None:
    """On a phone: one thing to do on the first page, done there."""
    expect(page.locator(".todo .num")).to_have_text("1")
    todo = page.locator(".todo-row")
    expect(todo).to_have_count(1)
    expect(todo).to_contain_text("次均处方费用")
    expect(todo).to_contain_text("还有")
    todo.click()
    page.locator(".dock").get_by_role("button", name="提交说明").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="提交说明").click()
    expect(dialog.locator(".field-error").first).to_be_visible()  # note and file are asked for
    dialog.get_by_label("情况说明").fill(NOTE)
    dialog.locator("input[type=file]").set_input_files(file)
    expect(dialog.locator(".file-list")).to_contain_text(file.name)
    dialog.get_by_role("button", name="提交说明").click()
    expect(page.locator(".badges")).to_contain_text("科室已说明")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def _inspector_closes(page: Page, file: Path) -> None:
    page.get_by_role("link", name="首页").first.click()
    expect(page.locator(".todo-row").first).to_contain_text("待核实结案")
    page.locator(".todo-row", has_text="次均处方费用").click()
    steps = page.locator(".steps")
    expect(steps).to_contain_text(NOTE)
    link = steps.get_by_role("link", name=file.name)
    answer = page.request.get(str(link.get_attribute("href")))
    assert answer.status == 200 and answer.body() == file.read_bytes()
    with page.expect_download() as download:
        link.click()
    assert Path(download.value.path()).read_bytes() == file.read_bytes()
    page.get_by_role("button", name="结案").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("核实结果").select_option("explained")
    dialog.get_by_label("结论").fill(OUTCOME)
    dialog.get_by_role("button", name="结案").click()
    expect(page.locator(".badges")).to_contain_text("已结案")
    for said in (
        "系统发出预警",
        "已请科室说明",
        "请说明三月用量增加的原因。",
        "科室已说明",
        NOTE,
        "已结案",
        "理由成立",
        OUTCOME,
    ):
        expect(steps).to_contain_text(said)
    expect(page.locator(".head").get_by_role("button")).to_have_count(0)  # nothing left to do
