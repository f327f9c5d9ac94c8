"""The nodes of an expression tree, its types and its operators: what the parser and the compilers share."""

from dataclasses import dataclass
from typing import Any

from core.kernel.errors import FieldError, Problem

#: Types of values. `number` is an exact decimal, `double` what a division gives (or a floating column).
TYPES = ("text", "number", "double", "bool", "date", "datetime", "month", "uid")
#: Types with an order that is the same in every engine. Text has none: collations differ.
ORDERED = ("number", "double", "date", "datetime", "month")
NUMERIC = ("number", "double")

MAX_DEPTH = 12
MAX_NODES = 200
MAX_LIST = 500
MAX_TEXT = 500


@dataclass(frozen=True)
class Operator:
    """How many arguments an operator takes, and its Chinese name for messages and filters in words."""

    least: int
    most: int
    label: str


#: Every operator there is. A tree with another one is refused.
OPERATORS: dict[str, Operator] = {
    "and": Operator(1, 50, "并且"),
    "or": Operator(1, 50, "或者"),
    "not": Operator(1, 1, "并非"),
    "eq": Operator(2, 2, "等于"),
    "ne": Operator(2, 2, "不等于"),
    "lt": Operator(2, 2, "小于"),
    "le": Operator(2, 2, "不大于"),
    "gt": Operator(2, 2, "大于"),
    "ge": Operator(2, 2, "不小于"),
    "in": Operator(2, 2, "属于"),
    "between": Operator(3, 3, "介于"),
    "is_null": Operator(1, 1, "没有填写"),
    "contains": Operator(2, 2, "包含"),
    "starts_with": Operator(2, 2, "开头是"),
    "ends_with": Operator(2, 2, "结尾是"),
    "add": Operator(2, 2, "加"),
    "sub": Operator(2, 2, "减"),
    "mul": Operator(2, 2, "乘"),
    "div": Operator(2, 2, "除以"),
    "abs": Operator(1, 1, "绝对值"),
    "coalesce": Operator(2, 5, "首个有值"),
    "if": Operator(3, 3, "如果"),
    "length": Operator(1, 1, "字数"),
    "year": Operator(1, 1, "年份"),
    "month": Operator(1, 1, "月份"),
    "days_between": Operator(2, 2, "相差天数"),
    "add_days": Operator(2, 2, "推后天数"),
    "today": Operator(0, 0, "今天"),
}
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")
TEXT_TESTS = ("contains", "starts_with", "ends_with")


@dataclass(frozen=True)
class Field:
    """A field of the row."""

    key: str
    type: str


@dataclass(frozen=True)
class Value:
    """A constant: str, Decimal, float, bool, date, datetime (UTC), UUID, or a tuple of them for `in`."""

    value: Any
    type: str


@dataclass(frozen=True)
class Call:
    """An operator with its arguments; `type` is what it gives."""

    op: str
    args: tuple["Expr", ...]
    type: str


Expr = Field | Value | Call


@dataclass(frozen=True)
class Col:
    """Where a field lives. `path`: ORM path or column name. `scale`: the column holds value × 10^scale as a whole
    number (fen: 2). `zone`: the IANA zone of a timestamp column without one; UTC when empty."""

    path: str
    scale: int = 0
    zone: str = ""


def column(columns: dict[str, "str | Col"], key: str) -> Col:
    """The binding of `key`; a bare string is a path. Raises KeyError for a field the source does not bind."""
    found = columns[key]
    return Col(found) if isinstance(found, str) else found


def fail(pointer: str, message: str, cure: str = "") -> Problem:
    """The refusal of one place in the tree."""
    return Problem("invalid", f"筛选条件有误：{message}", 422, [FieldError(pointer or "/", message, cure)])


#: Letters and width are folded in text tests, one character for one character, the same in each engine.
FOLD_FROM = (
    "".join(chr(c) for c in range(0x41, 0x5B)) + "".join(chr(c) for c in range(0xFF01, 0xFF5F)) + "\u3000"
)
FOLD_TO = (
    "".join(chr(c + 32) for c in range(0x41, 0x5B))
    + "".join(chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F)).lower()
    + " "
)
_FOLD_TABLE = str.maketrans(FOLD_FROM, FOLD_TO)


def fold(text: str) -> str:
    """Lower-case A–Z, full-width ASCII → half-width, ideographic blank → blank; nothing else changes."""
    return text.lower() if text.isascii() else text.translate(_FOLD_TABLE)
