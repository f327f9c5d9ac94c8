"""The workbook: cover, mark on every page, no formula, whatever was typed into a name."""

import io
import re

import pytest
import python_calamine
from hypothesis import given
from hypothesis import strategies as st

from core.resources.export_file import FORMULA, harmless
from tests.integration.exports.conftest import Desk, bytes_of, parts, rename


@pytest.mark.django_db
def test_every_sheet_carries_name_time_and_number(desk: Desk) -> None:
    rename(desk.world, "inspector", "赵&钱")
    request = desk.made()
    content = bytes_of(request)
    sheets = {name: text for name, text in parts(content).items() if "worksheets/sheet" in name}
    assert len(sheets) == 2
    for text in sheets.values():
        header = re.search(r"<oddHeader>(.*?)</oddHeader>", text)
        footer = re.search(r"<oddFooter>(.*?)</oddFooter>", text)
        assert header and footer
        for line in (header[1], footer[1]):
            assert (
                request.number in line
                and "赵&amp;&amp;钱" in line
                and re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d", line)
            )
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    cover = {row[0]: row[1] for row in book.get_sheet_by_index(0).to_python() if len(row) > 1}
    assert cover["导出编号"] == request.number and cover["导出人"] == "赵&钱"
    assert cover["用途"] == "监督检查：核对人员与任职" and cover["密级"] == "敏感"
    assert cover["批准人"] == desk.world.user("leader").person.name
    head = book.get_sheet_by_index(1).to_python()[:3]
    assert head[0][0] == "样表" and request.number in head[1][0] and head[2] == ["姓名"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["=1+1", "+86", "-5", "@SUM(A1)", "＝1+1", '=HYPERLINK("http://x")'])
def test_a_name_is_never_a_formula(desk: Desk, name: str) -> None:
    rename(desk.world, "leader", name)
    content = bytes_of(desk.made())
    assert all("<f>" not in text for text in parts(content).values())
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content))
    cells = [str(row[0]) for row in book.get_sheet_by_index(1).to_python()[3:]]
    assert "'" + name in cells and name not in cells


@given(st.text(max_size=60))
def test_no_text_begins_a_formula(text: str) -> None:
    clean = harmless(text)
    assert not clean.startswith(FORMULA)
    assert all(c >= " " or c in "\t\n" for c in clean)
