"""The workbook: a cover that says whose copy it is and what for, then one sheet of rows, written one by one.

Every printed page carries name, time and export number. A text that a spreadsheet would take for a formula gets an
apostrophe in front, so that it stays text also after somebody saves the sheet as CSV and opens it again.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from core.resources.exporters import Sheet
from core.resources.spec import Field

CELL_LIMIT = 32_000  # Excel takes 32,767
HEADER_LIMIT = 60  # characters of a name in a header; Excel takes 255 for the whole line
#: What begins a formula in Excel, LibreOffice and WPS (OWASP, CSV injection), full-width forms too.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")
HIDDEN = "…"


def write(
    path: Path | BytesIO, sheet: Sheet, mark: str, cover: Sequence[tuple[str, str]]
) -> tuple[int, bool]:
    """Write the file; how many rows, and whether anything in them is masked.

    `mark` stands at the head and foot of every page, `cover` are the lines of the first sheet. Into a buffer nothing
    touches the disk, not even for a moment.
    """
    import xlsxwriter

    options = {
        **({"in_memory": True} if isinstance(path, BytesIO) else {"constant_memory": True}),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(path if isinstance(path, BytesIO) else str(path), options) as book:
        styles = {
            "title": book.add_format({"bold": True, "font_size": 14}),
            "head": book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF3F1"}),
            "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
            "date": book.add_format({"num_format": "yyyy-mm-dd"}),
            "datetime": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
            "money": book.add_format({"num_format": "#,##0.00"}),
        }
        _cover(_page(book, "导出说明", mark), cover, styles)
        return _rows(_page(book, _sheet_name(sheet.title), mark), sheet, styles)


def harmless(text: str) -> str:
    """The text without control characters, and never a formula."""
    clean = "".join(c for c in text if c >= " " or c in "\t\n")
    return ("'" + clean if clean.startswith(FORMULA) else clean)[:CELL_LIMIT]


def _page(book: Any, name: str, mark: str) -> Any:
    sheet = book.add_worksheet(name)
    line = mark.replace("&", "&&")
    sheet.set_header(f"&L{line}")
    sheet.set_footer(f"&L{line}&R第 &P 页，共 &N 页")
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    return sheet


def _cover(sheet: Any, lines: Sequence[tuple[str, str]], styles: dict[str, Any]) -> None:
    sheet.set_column(0, 0, 14)
    sheet.set_column(1, 1, 90)
    sheet.write_string(0, 0, "导出说明", styles["title"])
    for place, (label, text) in enumerate(lines, 2):
        sheet.write_string(place, 0, label)
        sheet.write_string(place, 1, harmless(text), styles["wrap"])


def _rows(page: Any, sheet: Sheet, styles: dict[str, Any]) -> tuple[int, bool]:
    page.activate()
    page.freeze_panes(3, 0)
    page.repeat_rows(2)
    for i, field in enumerate(sheet.columns):
        page.set_column(i, i, 24 if field.role == "primary" else 14)
    page.write_string(0, 0, harmless(sheet.title), styles["title"])
    page.write_string(1, 0, harmless(sheet.said))
    for i, field in enumerate(sheet.columns):
        page.write_string(2, i, harmless(field.label), styles["head"])
    written, masked = 0, False
    for row in sheet.rows:
        for i, field in enumerate(sheet.columns):
            if field.key in row.masked:
                masked = True
                page.write_string(3 + written, i, HIDDEN)
            else:
                _cell(page, 3 + written, i, field, row.values.get(field.key), styles)
        written += 1
    if masked:
        page.write_string(4 + written, 0, "“…”表示您无权查看的内容。")
    return written, masked


def _sheet_name(label: str) -> str:
    return "".join(c for c in label if c not in "[]:*?/\\'")[:31] or "导出"


def _cell(page: Any, line: int, column: int, field: Field, value: Any, styles: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, bool):
        page.write_string(line, column, "是" if value else "否")
    elif isinstance(value, datetime):
        local = value.astimezone(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None) if value.tzinfo else value
        page.write_datetime(line, column, local, styles["datetime"])
    elif isinstance(value, date):
        page.write_datetime(line, column, value, styles["date"])
    elif isinstance(value, int | float | Decimal) and len(str(value)) <= 15:
        page.write_number(line, column, value, styles["money"] if field.type == "money" else None)
    else:  # texts, and numbers that Excel's doubles would change
        text = field.labels.get(str(value), str(value))
        negative = isinstance(value, int | float | Decimal)
        page.write_string(line, column, text if negative else harmless(text))
