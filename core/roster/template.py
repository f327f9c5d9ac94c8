"""Excel templates: one sheet to fill in with an example row and drop-downs, one that explains every column."""

import io
from typing import Any

from core.org.models import Campus, Department, PartyOrg
from core.roster.kinds import Kind

ROWS = 5000  # rows that the drop-downs cover
NOTES = "填写说明"
LISTS = "选项"
_TREES: dict[str, Any] = {"department": Department, "party_org": PartyOrg, "campus": Campus}
#: Columns whose drop-down is a tree of the hospital, by list.
_FROM_TREE = {
    "departments": {"parent": "department", "merged_into": "department", "campus": "campus"},
    "staff": {"department": "department"},
    "posts": {"department": "department", "party_org": "party_org", "campus": "campus"},
    "party_orgs": {"parent": "party_org", "merged_into": "party_org"},
    "members": {"party_org": "party_org"},
}


def make_template(kind: Kind) -> bytes:
    """The workbook for a list, with the names of the hospital in context in its drop-downs."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        styles = {
            "need": book.add_format({"bold": True, "bg_color": "#DCEBE5", "bottom": 1, "num_format": "@"}),
            "head": book.add_format({"bg_color": "#F0F3F2", "bottom": 1, "num_format": "@"}),
            "example": book.add_format({"font_color": "#7A8782", "italic": True, "num_format": "@"}),
            "text": book.add_format({"num_format": "@"}),
            "title": book.add_format({"bold": True, "font_size": 14}),
            "wrap": book.add_format({"text_wrap": True, "valign": "top"}),
        }
        sheet = book.add_worksheet(kind.label)
        notes = book.add_worksheet(NOTES)
        lists = book.add_worksheet(LISTS)
        lists.hide()
        _data_sheet(sheet, lists, kind, styles)
        _notes_sheet(notes, kind, styles)
    return out.getvalue()


def file_name(kind: Kind) -> str:
    """What the file is called."""
    return f"{kind.label}名册模板.xlsx"


def _data_sheet(sheet: Any, lists: Any, kind: Kind, styles: dict[str, Any]) -> None:
    sheet.freeze_panes(1, 1)
    used = 0
    for i, column in enumerate(kind.dataset.columns):
        sheet.set_column(i, i, max(12, 2 * len(column.label) + 4), styles["text"])
        mark = "*" if column.required else ""
        sheet.write_string(0, i, f"{column.label}{mark}", styles["need" if column.required else "head"])
        sheet.write_string(1, i, kind.examples.get(column.key, ""), styles["example"])
        words = _words(kind, column)
        if words:
            for n, word in enumerate(words):
                lists.write_string(n, used, word)
            letter = _letter(used)
            source = f"={LISTS}!${letter}$1:${letter}${len(words)}"
            strict = column.type == "choice"
            sheet.data_validation(
                1,
                i,
                ROWS,
                i,
                {
                    "validate": "list",
                    "source": source,
                    "ignore_blank": True,
                    "error_type": "stop" if strict else "warning",
                    "error_title": column.label,
                    "error_message": "请从下拉中选择。" if strict else "不在现有名称里。也可以填代码。",
                },
            )
            used += 1
        elif column.help:
            sheet.data_validation(
                1,
                i,
                ROWS,
                i,
                {"validate": "any", "input_title": column.label[:32], "input_message": column.help[:255]},
            )


def _notes_sheet(sheet: Any, kind: Kind, styles: dict[str, Any]) -> None:
    sheet.set_column(0, 0, 16)
    sheet.set_column(1, 1, 10)
    sheet.set_column(2, 2, 70)
    sheet.write_string(0, 0, f"{kind.label}名册：怎么填", styles["title"])
    lines = [
        kind.dataset.description,
        "第一行是表头，请不要改；标 * 的列必须填写。第二行是示例，不会导入，可以删去。",
        "每行一条，不要合并单元格，不要写公式；日期写成 2024-01-31。",
        "上传后先看到与医院现状的差异，确认后才生效；生效后可以整批撤销。",
    ]
    for n, line in enumerate(lines, start=2):
        sheet.write_string(n, 0, line)
    top = len(lines) + 3
    for i, word in enumerate(("列名", "必填", "说明")):
        sheet.write_string(top, i, word, styles["need"])
    for n, column in enumerate(kind.dataset.columns, start=top + 1):
        sheet.write_string(n, 0, column.label)
        sheet.write_string(n, 1, "必填" if column.required else "")
        sheet.write_string(n, 2, column.help, styles["wrap"])


def _words(kind: Kind, column: Any) -> list[str]:
    if column.type == "choice":
        return [words[0] for words in column.choices.values()]
    tree = _FROM_TREE.get(kind.key, {}).get(column.key)
    if tree is None:
        return []
    rows = _TREES[tree].objects.filter(state="active").order_by("id")
    return list(dict.fromkeys(rows.values_list("name", flat=True)))[:2000]


def _letter(index: int) -> str:
    from core.lake.readers import letter

    return letter(index)
