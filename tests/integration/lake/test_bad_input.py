"""Every bad file gets an answer in Chinese that names the place and the cure, and leaves nothing behind."""

import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from core.kernel.errors import Problem
from core.lake import domain
from core.lake.models import LakeImport, LakeQuarantine, MonthVersion
from tests.integration.lake.conftest import BY, HEAD, landed, line

pytestmark = pytest.mark.once

HEADER = HEAD.strip().split(",")


def refused(bring, name, content, **options) -> Problem:
    """The problem, after checking that nothing landed."""
    with pytest.raises(Problem) as caught:
        bring(name, content, **options)
    assert not MonthVersion.unscoped.exists()
    return caught.value


def place(problem: Problem, index: int = 0) -> tuple:
    error = problem.errors[index]
    assert error.cure, "every error says what to do"
    return error.file, error.row, error.cell, error.message


def workbook(rows, sheet="明细", merge="") -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    page = book.add_worksheet(sheet)
    if merge:
        page.merge_range(merge, rows[0][0])
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if cell != "":
                page.write(r, c, cell)
    book.close()
    return out.getvalue()


@pytest.mark.parametrize(
    ("bad", "cell", "message"),
    [
        (line("2", qty="两盒"), "J3", "“数量”列：“两盒”不是数字。"),
        (line("2", day="2024/13/01"), "C3", "“日期”列：“2024/13/01”不是有效的日期。"),
        (line("2", day="1024-01-01"), "C3", "“日期”列：“1024-01-01”不在 1990 年至 2100 年之间。"),
        (line("2", price="1.123456"), "K3", "“单价”列：“1.123456”的小数超过五位。"),
        (
            line("2", price="0.0000000000000000000001"),
            "K3",
            "“单价”列：“0.0000000000000000000001”的小数超过五位。",
        ),
        (line("2", amount="12345678901234"), "L3", "“金额”列：“12345678901234”超出可存的范围。"),
        (line("2", amount="1_000"), "L3", "“金额”列：“1_000”不是数字。"),
        (line("").replace("RX,", "RX2,"), "A3", "“明细编号”列：“明细编号”是空的。"),
        (line("2").replace("门诊", "体检"), "G3", "“就诊类型”列：“体检”不在可选范围内。"),
    ],
)
def test_wrong_cell_is_named_by_row_and_cell(bring, bad, cell, message):
    problem = refused(bring, "三月.csv", HEAD + line("1") + bad)
    assert problem.code == "refused"
    assert place(problem) == ("三月.csv", 3, cell, message)


def test_good_rows_come_in_only_when_accepted(bring, hospital):
    text = HEAD + line("1") + line("2", qty="x") + line("3") + line("4", qty="y")
    problem = refused(bring, "a.csv", text)
    assert "有 2 行有问题" in problem.detail
    ledger = LakeImport.objects.get()
    assert (ledger.state, ledger.rows_in, ledger.rows_quarantined, ledger.rows_landed) == ("refused", 4, 2, 0)
    done = bring("a.csv", text, accept_partial=True)
    assert (done.state, done.rows_in, done.rows_quarantined, done.rows_landed) == ("done", 4, 2, 2)
    assert [r["source_key"] for r in landed(hospital)] == ["1", "3"]
    kept = LakeQuarantine.objects.filter(lake_import=done)
    assert [(q.file_row, q.cell, q.message) for q in kept] == [
        (3, "J3", "“数量”列：“x”不是数字。"),
        (5, "J5", "“数量”列：“y”不是数字。"),
    ]
    assert "P1" not in str([q.raw for q in kept]), "no patient code in quarantine"


def test_negative_quantity_without_original_is_a_warning(bring):
    done = bring(
        "a.csv",
        HEAD + line("1") + line("2", qty=-1, amount="-10") + line("3", qty=-1, amount="-10", original="1"),
    )
    (finding,) = done.findings
    assert (finding["severity"], finding["row"], finding["cell"], finding["count"]) == ("warning", 3, "J3", 1)
    assert "没有写明“原明细编号”" in finding["message"]
    assert done.rows_landed == 3


def test_same_key_twice_in_a_file_keeps_the_last(bring, hospital):
    done = bring("a.csv", HEAD + line("1", qty=1) + line("2") + line("1", qty=9))
    assert (done.rows_landed, done.rows_superseded) == (2, 1)
    assert done.findings[0]["message"] == "同一编号（1）在文件中出现多次，以最后一行（第 4 行）为准。"
    assert [int(r["qty"]) for r in landed(hospital)] == [9, 2]


def test_missing_column(bring):
    problem = refused(bring, "a.csv", "明细编号,处方号\n1,2\n")
    assert ("a.csv", 1, None, "缺少“日期”列。") in [place(problem, i) for i in range(len(problem.errors))]


def test_doubled_column(bring):
    head = HEAD.strip() + ",数量\n"
    problem = refused(bring, "a.csv", head + line("1").strip() + ",3\n")
    assert place(problem) == ("a.csv", 1, "N1", "列名“数量”出现了 2 次（J1、N1）。")


def test_million_columns(bring):
    problem = refused(bring, "宽.csv", ",".join(f"c{i}" for i in range(10**6)) + "\n1\n")
    assert problem.code == "bad_file"
    assert place(problem)[:2] == ("宽.csv", 1)
    assert "最多支持 2000 列" in problem.detail


@pytest.mark.parametrize("name", ["空.csv", "空.xlsx"])
def test_empty_file(bring, name):
    assert place(refused(bring, name, b"")) == (name, None, None, "文件是空的。")


def test_header_only(bring):
    assert "表头下面没有数据行" in refused(bring, "a.csv", HEAD).detail


def test_mixed_encodings_name_the_row(bring):
    text = (HEAD + line("1") + line("2")).encode() + line("3").encode("gb18030")
    assert place(refused(bring, "a.csv", text))[:2] == ("a.csv", 4)
    text = (HEAD + line("1") + line("2")).encode("gb18030") + line("3").encode()
    problem = refused(bring, "a.csv", text)
    assert place(problem)[:2] == ("a.csv", 4)
    assert "混用了多种编码" in problem.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_encodings_and_delimiters(bring, hospital, encoding, delimiter):
    text = (HEAD + line("1") + line("2")).replace(",", delimiter)
    done = bring("a.csv", text.encode(encoding))
    assert (done.state, done.rows_landed, done.findings) == ("done", 2, [])
    assert {r["department"] for r in landed(hospital)} == {"内科"}


def test_short_gb18030_words_that_look_like_utf8(bring, hospital):
    done = bring("p.csv", "patient,sex\nP1,女\nP2,女\n".encode("gb18030"), dataset="patients")
    assert done.rows_landed == 2
    assert {r["sex"] for r in landed(hospital, "patients")} == {"F"}


def test_csv_cut_in_the_middle(bring):
    text = HEAD + line("1") + line("2") + line("3")
    problem = refused(bring, "a.csv", text[: text.rindex("门诊")])
    assert place(problem) == ("a.csv", 4, "G4", "这一行有 7 列，表头有 13 列。文件可能在这里被截断。")


def test_csv_cut_inside_a_quotation(bring):
    problem = refused(bring, "a.csv", HEAD + line("1") + '2,"RX')
    assert problem.errors[0].row == 3


def test_parquet_cut(bring, tmp_path):
    pq.write_table(pa.table({"a": list(range(1000))}), tmp_path / "x")
    data = (tmp_path / "x").read_bytes()
    assert "不完整或已损坏" in refused(bring, "a.parquet", data[: len(data) // 2]).detail


def test_workbook_cut_and_damaged(bring):
    data = workbook([HEADER, *[line(i).strip().split(",") for i in range(200)]])
    assert "不完整或已损坏" in refused(bring, "a.xlsx", data[: len(data) // 2]).detail
    assert "不完整或已损坏" in refused(bring, "a.xlsx", data[:600] + b"\x00" * 200 + data[800:]).detail


def test_zip_bomb_is_not_unpacked(bring):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * 60_000_000)
    problem = refused(bring, "炸弹.xlsx", out.getvalue())
    assert "超出安全限度" in problem.detail
    assert problem.errors[0].file == "炸弹.xlsx"


def test_far_corner_cell_does_not_exhaust_memory(bring):
    data = workbook([["明细编号"], ["1"]] + [[""]])
    book = xlsxwriter.Workbook(out := io.BytesIO())
    page = book.add_worksheet("明细")
    page.write(0, 0, "明细编号")
    page.write(1_048_575, 16_383, 1)
    book.close()
    assert data
    assert refused(bring, "a.xlsx", out.getvalue()).code == "bad_file"


def test_workbook_named_csv_is_read_by_content(bring, hospital):
    data = workbook([HEADER, line("1").strip().split(",")])
    done = bring("改名.csv", data)
    assert done.rows_landed == 1
    assert done.findings[0]["message"] == "文件名以 .csv 结尾，内容其实是Excel 工作簿，已按内容读取。"


def test_ole_garbage_named_csv(bring):
    problem = refused(bring, "改名.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 4096)
    assert problem.code == "bad_file"
    assert problem.errors[0].file == "改名.csv"


def test_picture_is_not_a_table(bring):
    assert "这不是表格文件" in refused(bring, "a.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR").detail


def test_title_rows_merged_header_and_sheet_names(bring, hospital):
    rows = [
        ["二〇二四年三月处方明细"],
        [""],
        HEADER,
        [c if i != 9 else "x" for i, c in enumerate(line("1").strip().split(","))],
    ]
    problem = refused(bring, "a.xlsx", workbook(rows, merge="A1:M1"))
    assert place(problem) == ("a.xlsx", 4, "J4", "“数量”列：“x”不是数字。")
    assert problem.errors[0].sheet == "明细"
    with pytest.raises(Problem, match="没有名为“别的”的工作表"):
        bring("a.xlsx", workbook(rows), sheet="别的")


def test_excel_numbers_and_dates_keep_what_the_sheet_shows(bring, hospital):
    import datetime

    cells = line("1").strip().split(",")
    cells[9], cells[10], cells[11] = 0.1 + 0.2, 33.3, 1e3
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out)
    page = book.add_worksheet()
    page.write_row(0, 0, HEADER)
    page.write_row(1, 0, cells)
    page.write_datetime(1, 2, datetime.date(2024, 3, 5), book.add_format({"num_format": "yyyy-mm-dd"}))
    book.close()
    bring("a.xlsx", out.getvalue())
    (row,) = landed(hospital)
    assert (str(row["qty"]), str(row["price"]), str(row["amount"]), str(row["date"])) == (
        "0.30000", "33.30000", "1000.00000", "2024-03-05",
    )  # fmt: skip


def test_numbers_as_people_write_them(bring, hospital):
    bring("a.csv", HEAD + line("1", qty="１２", price='"1,234.5"', amount="1.50000000"))
    (row,) = landed(hospital)
    assert [str(row[k]) for k in ("qty", "price", "amount")] == ["12.00000", "1234.50000", "1.50000"]


def test_where_filters_and_wrong_where_says_so(bring, hospital):
    text = HEAD + line("1") + line("2", day="2024-04-01") + line("3", qty=5)
    done = bring("a.csv", text, where="日期 < 2024-04-01 and 数量 > 3")
    assert (done.rows_in, done.rows_filtered, done.rows_landed) == (3, 2, 1)
    with pytest.raises(Problem, match="看不懂"):
        bring("a.csv", text, where="数量 大于 3")
    with pytest.raises(Problem, match="“医院”不在文件里"):
        bring("a.csv", text, where="医院 = H1")


def test_rows_without_key_only_by_whole_months(bring):
    with pytest.raises(Problem, match="没有逐行编号，不能增补"):
        bring("a.csv", "time,user\n2024-01-01 08:00,U1\n", dataset="access_log", mode="add")


def test_preview_says_what_import_would_do_and_writes_nothing(hospital, tmp_path, bring):
    bring("a.csv", HEAD + line("0"))
    path = tmp_path / "b.csv"
    path.write_text(HEAD + line("1") + line("2", qty="x") + line("3", day="2024-04-02"), "utf-8")
    upload = domain.receive_path(path, dataset="prescription_lines", hospital=hospital, by=BY)
    shown = domain.preview_upload(upload)
    assert (shown["rows_in"], shown["rows_good"], shown["rows_bad"]) == (3, 2, 1)
    assert [(m["month"], m["rows"], m["existing_version"]) for m in shown["months"]] == [
        ("2024-03", 1, 1),
        ("2024-04", 1, None),
    ]
    assert shown["findings"][0]["cell"] == "J3"
    assert MonthVersion.objects.count() == 1
