"""Cells as values: each wrong one is a finding that names sheet, row, column, cell and cure."""

import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from core.lake.check import cell_of, describe
from core.lake.datasets import Column
from core.lake.readers import letter
from core.policy.roles import ROLES
from core.roster.difference import Finding
from core.roster.kinds import Kind
from core.roster.read.table import Raw

FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y%m%d",
    "%Y.%m.%d",
    "%Y年%m月%d日",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
)
EARLIEST, LATEST = 1900, 2100
#: Longest text by column, characters: what the database holds.
LIMITS = {"name": 60, "title": 60, "number": 60, "code": 60, "peer_group": 40}
LONG_NAMES = {"departments": 120, "party_orgs": 120, "campuses": 80}
MAX_TEXT = 120
MAX_FINDINGS = 500
EXCEL_ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")
_BLANKS = re.compile(r"[\s\u3000\u00a0\ufeff]+")


@dataclass
class Line:
    """One row with its values by column key; None for an empty cell. `has` are the columns the file carries."""

    row: int
    values: dict[str, Any]
    has: frozenset[str]
    bad: bool = False

    def __getitem__(self, key: str) -> Any:
        return self.values.get(key)


@dataclass
class Lines:
    """All rows, and what was found. `finding()` is how a plan says more, naming the place."""

    kind: Kind
    lines: list[Line]
    mapping: dict[str, str]
    raw: Raw | None = None
    findings: list[Finding] = field(default_factory=list)

    def finding(
        self, line: Line | None, key: str, message: str, cure: str, *, severity: str = "error", count: int = 1
    ) -> None:
        """Say that something is wrong at a row's column; an error marks the row bad."""
        if line is not None and severity == "error":
            line.bad = True
        self.findings.append(self.place(line.row if line else None, key, message, cure, severity, count))

    def place(
        self, row: int | None, key: str, message: str, cure: str, severity: str = "error", count: int = 1
    ) -> Finding:
        """A finding with sheet, column and cell filled in."""
        name = self.mapping.get(key, "")
        sheet = self.raw.sheet if self.raw else None
        cell = cell_of(sheet, name, row) if sheet is not None else ""
        label = next((c.label for c in self.kind.dataset.columns if c.key == key), "")
        return Finding(
            severity, message, cure, row, name or label, cell, sheet.name if sheet is not None else "", count
        )


def from_file(kind: Kind, raw: Raw, mapping: dict[str, str]) -> Lines:
    """Typed rows of a sheet. The template's own example row is left out."""
    index = {key: raw.sheet.columns.index(name) for key, name in mapping.items() if name}
    made = Lines(kind, [], {k: n for k, n in mapping.items() if n}, raw, list(raw.findings))
    example = {key: kind.examples.get(key, "") for key in index}
    has = frozenset(index)
    for number, cells in raw.rows:
        texts = {key: _clean(cells[i]) for key, i in index.items()}
        if not any(texts.values()):
            continue
        if texts == example:
            made.findings.append(
                made.place(number, kind.dataset.columns[0].key, "这是模板里的示例行，没有读取。", "可以删去这一行。", "warning")
            )  # fmt: skip
            continue
        made.lines.append(_line(made, number, texts, has))
    _merged_cells(made, index)
    _formulas(made, index)
    return made


def from_json(kind: Kind, rows: list[dict[str, Any]]) -> Lines:
    """Typed rows sent by a personnel system, keys being column codes; row numbers count from 1."""
    has = frozenset(key for row in rows for key in row)
    made = Lines(kind, [], {key: key for key in has}, None)
    known = set(kind.dataset.keys)
    for key in sorted(has - known):
        made.findings.append(
            Finding(
                "error", f"没有名为“{key}”的列。", f"可用的列：{'、'.join(kind.dataset.keys)}。", column=key
            )
        )
    for number, row in enumerate(rows, start=1):
        texts = {key: _clean(_text(value)) for key, value in row.items() if key in known}
        made.lines.append(_line(made, number, texts, has & known))
    return made


def condensed(findings: list[Finding]) -> list[Finding]:
    """Errors first, in order of rows; at most `MAX_FINDINGS`, the rest told as a number."""
    ordered = sorted(findings, key=lambda f: (f.severity != "error", f.row or 0, f.column))
    if len(ordered) <= MAX_FINDINGS:
        return ordered
    rest = len(ordered) - MAX_FINDINGS
    more = Finding("error", f"还有 {rest} 处问题没有列出。", "请先改正上面的问题，再重新预览。", count=rest)
    return [*ordered[:MAX_FINDINGS], more]


def _line(made: Lines, number: int, texts: dict[str, str], has: frozenset[str]) -> Line:
    line = Line(number, {}, has)
    for column in made.kind.dataset.columns:
        text = texts.get(column.key, "")
        value, reason = _value(column, text, made.kind.key)
        line.values[column.key] = value
        if reason:
            _say(made, line, column, text, reason)
    return line


def _value(column: Column, text: str, kind: str) -> tuple[Any, str]:
    """The typed value, and the reason why there is none."""
    if not text:
        return None, "missing" if column.required else ""
    if text.startswith(("=", "＝")):
        return None, "formula"
    if text in EXCEL_ERRORS:
        return None, "excel_error"
    if column.type == "choice":
        wanted = unicodedata.normalize("NFKC", text).casefold()
        for value, words in column.choices.items():
            if wanted in (value.casefold(), *(w.casefold() for w in words)):
                return value, ""
        return None, "not_choice"
    if column.type == "date":
        found = _date(text)
        if found is None:
            return None, "not_date"
        return (found, "") if EARLIEST <= found.year <= LATEST else (None, "date_range")
    if any(not c.isprintable() for c in text):
        return None, "unprintable"
    limit = LIMITS.get(column.key, MAX_TEXT)
    if column.key == "name":
        limit = LONG_NAMES.get(kind, limit)
        text = _joined(text) if kind in ("staff", "posts", "members") else text
    return (text, "") if len(text) <= limit else (None, f"longer:{limit}")


def _say(made: Lines, line: Line, column: Column, text: str, reason: str) -> None:
    if reason == "formula":
        message, cure = f"“{text[:60]}”是公式文字，不是值。", "请改成计算后的值；单元格里不要写公式。"
    elif reason == "excel_error":
        message, cure = f"“{text}”是公式算错后的结果。", "请改正公式，或直接填写值。"
    elif reason == "unprintable":
        message, cure = "内容里有看不见的控制字符。", "请清除后重新填写这一格。"
    elif reason == "date_range":
        message, cure = f"“{text[:60]}”不在 1900 年至 2100 年之间。", "请核对年份。"
    elif reason == "not_choice" and column.key == "role" and text in ROLES.values():
        message = f"“{text}”不在任职名册里登记。"
        cure = "职工、医师用人员名册，党员用党员名册；管理员和能看机密数据的角色由安全管理员任命。"
    elif reason.startswith("longer:"):
        message, cure = f"内容超过 {reason[7:]} 个字符。", "请核对这一列是否对应正确，或缩短内容。"
    else:
        message, cure = describe(reason, column, text)
        if reason == "not_date" and re.fullmatch(r"[1-6]\d{4}", text):
            cure = "这像是 Excel 的日期序号：请把这一列设为日期格式，或写成 2024-01-31。"
    made.finding(line, column.key, message, cure)


def _merged_cells(made: Lines, index: dict[str, int]) -> None:
    raw = made.raw
    assert raw is not None
    lines = {line.row: line for line in made.lines}
    for top, left, bottom, right in raw.merged:
        for key, column in index.items():
            if left <= column <= right and (bottom > top or right > left):
                place = f"{letter(left)}{top + 1}:{letter(right)}{bottom + 1}"
                made.finding(
                    lines.get(top + 1) or lines.get(bottom + 1),
                    key,
                    f"单元格 {place} 合并了，只有左上角一格有内容。",
                    "请取消合并，并在每一行各自填写。",
                )
                break


def _formulas(made: Lines, index: dict[str, int]) -> None:
    raw = made.raw
    assert raw is not None
    found: dict[str, list[int]] = defaultdict(list)
    for row, column in sorted(raw.formulas):
        for key, at in index.items():
            if at == column:
                found[key].append(row + 1)
    for key, rows in found.items():
        made.findings.append(
            made.place(
                rows[0],
                key,
                f"这一列有 {len(rows)} 个单元格是公式，按文件里保存的上次结果读取。",
                "请核对结果；稳妥的做法是复制后“选择性粘贴为数值”再上传。",
                "warning",
                len(rows),
            )
        )


def _clean(text: str) -> str:
    return _BLANKS.sub(" ", text).strip()


def _joined(name: str) -> str:
    """张 三 → 张三: blanks between Chinese characters are only for looks."""
    return re.sub(r"(?<=[\u3400-\u9fff·]) (?=[\u3400-\u9fff·])", "", name)


def _date(text: str) -> date | None:
    shown = unicodedata.normalize("NFKC", text)
    for form in FORMATS:
        try:
            return datetime.strptime(shown, form).date()  # noqa: DTZ007 - a day, not an instant
        except ValueError:
            continue
    return None


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(value)
