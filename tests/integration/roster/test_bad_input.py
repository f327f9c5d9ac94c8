"""Files as they come from offices: each fault is told in Chinese with sheet, row, column, cell and cure; nothing is written."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from core.kernel.errors import Problem
from core.org.models import Department, Person, Post
from core.roster import kinds
from core.roster.models import ChangeSet
from core.roster.template import make_template
from tests.integration.roster.conftest import Bring

pytestmark = pytest.mark.once

HEAD = "工号,姓名,科室,职务,人员类别,入职日期,离职日期,出生日期\n"
TREE = "科室代码,科室名称,上级科室,并入\n"


def errors(told: dict[str, Any]) -> list[tuple[int | None, str, str, str]]:
    """(row, column, cell, message) of every error; each has a cure."""
    assert all(f["cure"] for f in told["findings"])
    return [
        (f["row"], f["column"], f["cell"], f["message"]) for f in told["findings"] if f["severity"] == "error"
    ]


def warnings(told: dict[str, Any]) -> str:
    """All reminders as one text."""
    return "\n".join(f["message"] for f in told["findings"] if f["severity"] == "warning")


def test_doubled_numbers_name_both_rows(bring: Bring) -> None:
    told = bring.preview("staff", HEAD + "001,张三,内科,,,,,\n002,李四,内科,,,,,\n001,王五,外科,,,,,\n")
    assert errors(told) == [(4, "工号", "A4", "工号“001”重复：第 2 行已经有了。")]
    assert told["can_apply"] is False


def test_an_error_keeps_the_whole_list_out(bring: Bring) -> None:
    content = HEAD + "001,张三,内科,,,,,\n002,李四,没有的科,,,,,\n"
    with pytest.raises(Problem, match="还有 1 处错误") as refused:
        bring.apply("staff", content)
    assert refused.value.status == 422 and refused.value.errors[0].row == 3
    assert not Person.objects.exists() and not ChangeSet.objects.exists()


def test_an_unknown_department_suggests_the_nearest(bring: Bring) -> None:
    told = bring.preview("staff", HEAD + "001,张三,内 科室,,,,,\n")
    [finding] = told["findings"]
    assert (finding["cell"], finding["message"]) == ("C2", "没有名为“内 科室”的科室。")
    assert "最接近的是“内科（NK）”" in finding["cure"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("2024/13/01", "“2024/13/01”不是有效的日期。"),
        ("2023-02-29", "“2023-02-29”不是有效的日期。"),
        ("去年", "“去年”不是有效的日期。"),
        ("45322", "“45322”不是有效的日期。"),
        ("1024-01-01", "“1024-01-01”不在 1900 年至 2100 年之间。"),
    ],
)
def test_wrong_dates(bring: Bring, cell: str, message: str) -> None:
    assert errors(bring.preview("staff", HEAD + f"001,张三,内科,,,{cell},,\n")) == [
        (2, "入职日期", "F2", message)
    ]


def test_dates_that_contradict_each_other(bring: Bring) -> None:
    told = bring.preview("staff", HEAD + "001,张三,内科,,,1980-01-01,1979-01-01,1990-01-01\n")
    assert {(cell, message[:4]) for _, _, cell, message in errors(told)} == {
        ("F2", "入职日期"),
        ("G2", "离职日期"),
    }


def test_a_post_before_birth_is_refused(bring: Bring) -> None:
    bring.apply("staff", HEAD + "001,张三,内科,,,2015-01-01,,1990-05-01\n")
    told = bring.preview("posts", "工号,角色,科室,任职日期\n001,科室负责人,内科,1989-01-01\n")
    assert errors(told) == [(2, "任职日期", "D2", "任职日期 1989-01-01 早于出生日期 1990-05-01。")]


@pytest.mark.parametrize("text", ["=1+1", "＝A1", '=HYPERLINK("http://x")'])
def test_text_that_is_a_formula(bring: Bring, text: str) -> None:
    told = bring.preview("staff", [["工号", "姓名", "科室"], ["001", text, "内科"]])
    [(row, column, cell, message)] = errors(told)
    assert (row, column, cell) == (2, "姓名", "B2") and "公式文字" in message
    assert not told["groups"]


def test_formulas_with_kept_results_are_read_and_told(bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "公式.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet("人员")
        page.write_row(0, 0, ["工号", "姓名", "科室"])
        page.write_row(1, 0, ["001", "张三"])
        page.write_formula(1, 2, '="内"&"科"', None, "内科")
        page.write_row(2, 0, ["002"])
        page.write_formula(2, 1, "=1/0", None, "#DIV/0!")
        page.write_string(2, 2, "内科")
    told = bring.preview("staff", path.read_bytes(), "公式.xlsx")
    assert told["groups"][0]["rows"][0]["to"] == "内科"
    assert "1 个单元格是公式" in warnings(told)
    [(row, column, cell, message)] = errors(told)
    assert (row, column, cell) == (3, "姓名", "B3"), message


def test_merged_cells_name_the_range(bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "合并.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        page = book.add_worksheet("人员")
        page.write_row(0, 0, ["工号", "姓名", "科室"])
        page.write_row(1, 0, ["001", "张三"])
        page.write_row(2, 0, ["002", "李四"])
        page.merge_range(1, 2, 2, 2, "内科")
    told = bring.preview("staff", path.read_bytes(), "合并.xlsx")
    assert (2, "科室", "C2", "单元格 C2:C3 合并了，只有左上角一格有内容。") in errors(told)
    assert (3, "科室", "C3", "“科室”是空的。") in errors(told)


def test_hidden_sheets_are_not_read(bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "隐藏.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        hidden, shown = book.add_worksheet("旧名册"), book.add_worksheet("人员")
        for page, name in ((hidden, "旧人"), (shown, "张三")):
            page.write_row(0, 0, ["工号", "姓名", "科室"])
            page.write_row(1, 0, ["001", name, "内科"])
        shown.activate()
        shown.set_first_sheet()
        hidden.hide()
        shown.set_row(1, None, None, {"hidden": True})
    kept = bring.upload("staff", path.read_bytes(), "隐藏.xlsx")
    from core.roster.domain import uploads

    told = uploads.describe(kept)
    assert [(s["name"], s["hidden"]) for s in told["sheets"]] == [("旧名册", True), ("人员", False)]
    assert told["sheet"] == "人员" and told["mapping"] == {
        "number": "工号",
        "name": "姓名",
        "department": "科室",
    }
    seen = bring.preview("staff", path.read_bytes(), "隐藏.xlsx")
    assert [r["name"] for g in seen["groups"] for r in g["rows"]] == ["张三"]
    assert "隐藏的工作表“旧名册”没有读取" in warnings(seen) and "1 行被隐藏" in warnings(seen)


def test_only_hidden_sheets_is_told(bring: Bring, tmp_path: Path) -> None:
    path = tmp_path / "全隐藏.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        book.add_worksheet("说明")
        page = book.add_worksheet("人员")
        page.write_row(0, 0, ["工号", "姓名", "科室"])
        page.write_row(1, 0, ["001", "张三", "内科"])
        page.hide()
    with pytest.raises(Problem, match="可见的工作表里没有内容"):
        bring.preview("staff", path.read_bytes(), "全隐藏.xlsx")


def test_an_empty_file_and_a_header_alone(bring: Bring) -> None:
    with pytest.raises(Problem, match="文件是空的"):
        bring.preview("staff", b"")
    with pytest.raises(Problem, match="没有数据行"):
        bring.preview("staff", HEAD)


def test_a_missing_column_is_named(bring: Bring) -> None:
    with pytest.raises(Problem, match="缺少“科室”列") as refused:
        bring.preview("staff", "工号,姓名\n001,张三\n")
    assert "工号、姓名" in refused.value.errors[0].cure


def test_gb18030_is_read(bring: Bring) -> None:
    told = bring.preview("staff", (HEAD + "001,张㐂,内科,,,,,\n").encode("gb18030"))
    assert [r["name"] for g in told["groups"] for r in g["rows"]] == ["张㐂"]


def test_mixed_encodings_name_the_row(bring: Bring) -> None:
    content = HEAD.encode() + "001,张三,内科,,,,,\n".encode() + "002,李四,内科,,,,,\n".encode("gb18030")
    with pytest.raises(Problem, match=r"第 3 行.*编码"):
        bring.preview("staff", content)


def test_an_old_workbook_named_csv_is_read_as_what_it_is(bring: Bring) -> None:
    old = Path(__file__).with_name("staff.xls").read_bytes()
    assert old[:4] == b"\xd0\xcf\x11\xe0"
    told = bring.preview("staff", old, "人员.csv")
    assert [r["name"] for g in told["groups"] for r in g["rows"]] == ["张三"]
    assert "97–2003" in warnings(told)


def test_a_workbook_cut_in_half_is_refused(bring: Bring, tmp_path: Path) -> None:
    from tests.integration.roster.conftest import write_excel

    whole = write_excel(
        tmp_path / "整.xlsx", [["工号", "姓名", "科室"], ["001", "张三", "内科"]]
    ).read_bytes()
    with pytest.raises(Problem, match="不完整或已损坏"):
        bring.preview("staff", whole[: len(whole) // 2], "半.xlsx")


def test_lost_leading_zeros_are_noticed(bring: Bring) -> None:
    bring.apply("staff", HEAD + "00123,张三,内科,,,,,\n")
    told = bring.preview("staff", HEAD + "123,张三,内科,,,,,\n")
    assert errors(told) == [(2, "工号", "A2", "工号“123”可能丢了前面的 0：现有“00123”。")]


def test_rows_of_another_width(bring: Bring) -> None:
    told = bring.preview("staff", "工号,姓名,科室\n001,张三,内科\n002,李四\n")
    assert errors(told) == [(3, "", "C3", "这一行有 2 列，表头有 3 列。")]


def test_a_department_that_is_its_own_parent(bring: Bring) -> None:
    told = bring.preview("departments", TREE + "A,甲科,A,\n")
    assert errors(told) == [(2, "上级科室", "C2", "上级科室是它自己。")]


def test_a_circle_over_several_rows_and_over_what_is_there(bring: Bring) -> None:
    told = bring.preview("departments", TREE + "A,甲科,B,\nB,乙科,丙科,\nC,丙科,A,\nD,丁科,A,\n")
    found = {row: message for row, _, _, message in errors(told)}
    assert found[2] == "上级科室绕成了一圈：A → B → C → A。" and set(found) == {2, 3, 4}
    bring.apply("departments", TREE + "X,乙一科,内科,\n")
    told = bring.preview("departments", TREE + "NK,内科,X,\n")
    assert [m for _, _, _, m in errors(told)] == ["上级科室绕成了一圈：NK → X → NK。"]
    assert Department.objects.get(code="NK").parent is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("NK,内科,,NK\n", "不能并入自己。"),
        ("NK,内科,,WK\nWK,外科,,NK\n", "要并入的“WK”在这份名册里自己也被并入别处。"),
        ("NEW,新科,,NK\n", "“新科”还不在系统里，不能并入别处。"),
        ("NK,内科,,儿童科\n", "没有名为“儿童科”的科室。"),
    ],
)
def test_impossible_merges(bring: Bring, rows: str, message: str) -> None:
    assert message in [m for _, _, _, m in errors(bring.preview("departments", TREE + rows))]


def test_a_list_gives_no_administrators(bring: Bring) -> None:
    bring.apply("staff", HEAD + "001,张三,内科,,,,,\n")
    for role in ("医院管理员", "安全管理员", "纪检监察室", "职工", "党员"):
        told = bring.preview("posts", f"工号,角色,任职日期\n001,{role},2026-01-01\n")
        [(row, _, cell, message)] = errors(told)
        assert (row, cell) == (2, "B2") and role in message
    assert not Post.objects.filter(role="hospital_admin").exists()


def test_posts_of_unknown_people_and_wrong_names(bring: Bring) -> None:
    bring.apply("staff", HEAD + "001,张三,内科,,,,,\n")
    told = bring.preview(
        "posts",
        "工号,姓名,角色,科室,任职日期,免职日期\n"
        "009,张三,科室负责人,内科,2026-01-01,\n"
        "001,张五,科室负责人,内科,2026-01-01,\n"
        "001,张三,科室负责人,,2026-01-01,\n"
        "001,张三,科室负责人,内科,2026-01-01,2025-01-01\n",
    )
    assert [(row, cell) for row, _, cell, _ in errors(told)] == [(2, "A2"), (3, "B3"), (4, "D4"), (5, "F5")]
    assert "“张三”的工号是 001" in told["findings"][0]["cure"]


@pytest.mark.parametrize("key", list(kinds.all_kinds()))
def test_the_template_reads_back_and_brings_nothing(bring: Bring, key: str, tmp_path: Path) -> None:
    """Every column is recognised, required ones are marked, and the example row is never imported."""
    content = make_template(kinds.get(key))
    path = tmp_path / "模板.xlsx"
    path.write_bytes(content)
    book = openpyxl.load_workbook(path)
    columns = kinds.get(key).dataset.columns
    head = [str(cell.value) for cell in next(book.worksheets[0].iter_rows(max_row=1))]
    assert head == [c.label + ("*" if c.required else "") for c in columns]
    assert book.sheetnames[1] == "填写说明" and book.worksheets[2].sheet_state == "hidden"
    assert book.worksheets[0].data_validations.dataValidation, "drop-downs or hints"
    from core.roster.domain import uploads

    told = uploads.describe(bring.upload(key, content, "模板.xlsx"))
    assert set(told["mapping"]) == {c.key for c in columns}
    with pytest.raises(Problem, match="没有要导入的行"):
        bring.preview(key, content, "模板.xlsx")
