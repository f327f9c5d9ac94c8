"""The row filter of an import: `hospital = H1 and visit_type != I`."""

import re
from dataclasses import dataclass

from core.kernel.errors import FieldError, Invalid

_PART = re.compile(r"""^\s*(?:"([^"]+)"|`([^`]+)`|(.+?))\s*(!=|<>|>=|<=|==|=|>|<)\s*(.*?)\s*$""")
_AND = re.compile(r"\s+(?:and|且|并且)\s+", re.IGNORECASE)
EXAMPLE = "例如：hospital = H1 and visit_type != I"


@dataclass(frozen=True)
class Condition:
    """One comparison of a source column with a text."""

    column: str
    op: str
    value: str


def parse(where: str) -> list[Condition]:
    """The conditions, all of which must hold. Raises Invalid naming the part that cannot be read."""
    if not where.strip():
        return []
    found = []
    for part in _AND.split(where.strip()):
        match = _PART.match(part)
        if not match or len(part) > 400:
            cure = f"请写成“列名 运算符 值”，用 and 连接。{EXAMPLE}"
            raise Invalid(
                f"筛选条件“{part}”看不懂。",
                [FieldError(pointer="/where", message=f"筛选条件“{part}”看不懂。", cure=cure)],
            )
        value = match[5]
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        op = {"==": "=", "<>": "!="}.get(match[4], match[4])
        found.append(Condition((match[1] or match[2] or match[3]).strip(), op, value.strip()))
    return found


def to_sql(conditions: list[Condition], texts: dict[str, str]) -> tuple[str, list[str]]:
    """SQL over `texts` (source column → SQL of its trimmed text) and its parameters.

    Equality compares text. Order compares numbers when the value is one, else text (dates as 2024-01-31 sort right).
    """
    parts, values = [], []
    for c in conditions:
        text = texts[c.column]
        if c.op in {"=", "!="} or not _is_number(c.value):
            parts.append(f"{text} {c.op} ?")
        else:
            parts.append(f"TRY_CAST({text} AS DOUBLE) {c.op} CAST(? AS DOUBLE)")
        values.append(c.value)
    return " AND ".join(f"coalesce({p}, false)" for p in parts) or "true", values


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text) is not None
