"""Expressions: one JSON tree for filters and conditions, with one meaning in every engine.

A node is `{"op": "and", "args": [...]}`, `{"field": "state"}` or `{"value": "open"}`. `parse` validates a tree
against the fields of a resource; the result runs in Python (`evaluate`), as a Django `Q` (`to_q`) and in Ibis
(`to_ibis`). `tests/unit/expressions/vectors.json` holds the cases on which all of them agree.

Meaning, where engines differ by themselves:

- *Null*: truth has two values. A comparison or text test with a null in it is false; `not` is the exact opposite,
  so `not (a < 5)` holds for a null `a`; `ne` is `not eq` and therefore includes nulls. Ask for nulls by `is_null`.
- *Numbers* are exact decimals, in JSON whole numbers or strings, never fractions as JSON numbers. `div` gives a double
  (null when dividing by zero).
- *Text*: `eq` and `in` compare exactly; `contains`, `starts_with`, `ends_with` fold A–Z and width (`fold`).
  Text has no order.
- *Dates* are business dates, instants carry an offset, months are "2024-03". `today` is the hospital's day.
"""

from typing import Any

from core.kernel.expr_django import to_q
from core.kernel.expr_ibis import to_ibis
from core.kernel.expr_nodes import OPERATORS, TYPES, Call, Col, Expr, Field, Value, fold
from core.kernel.expr_parse import parse
from core.kernel.expr_python import evaluate

__all__ = [
    "OPERATORS", "TYPES", "Call", "Col", "Expr", "Field", "Value",
    "both", "evaluate", "fields_used", "fold", "in_words", "parse", "to_ibis", "to_json", "to_q",
]  # fmt: skip


def both(*found: Expr | None) -> Expr | None:
    """All of the given conditions; None when none was given."""
    given = [e for e in found if e is not None]
    if len(given) < 2:
        return given[0] if given else None
    return Call("and", tuple(given), "bool")


def fields_used(expr: Expr | None) -> set[str]:
    """The keys of every field in the tree."""
    if isinstance(expr, Field):
        return {expr.key}
    if isinstance(expr, Call):
        return set().union(*(fields_used(a) for a in expr.args))
    return set()


def to_json(expr: Expr) -> dict[str, Any]:
    """The tree as JSON again: numbers as strings, dates in ISO form. `parse(to_json(e))` gives `e`."""
    if isinstance(expr, Field):
        return {"field": expr.key}
    if isinstance(expr, Value):
        many = isinstance(expr.value, tuple)
        return {"value": [_plain(v) for v in expr.value] if many else _plain(expr.value)}
    return {"op": expr.op, "args": [to_json(a) for a in expr.args]}


def in_words(
    expr: Expr | None, labels: dict[str, str], values: dict[str, dict[str, str]] | None = None
) -> str:
    """The condition as a Chinese phrase. `labels`: field → name; `values`: field → code → name."""
    if expr is None:
        return "全部"
    return _words(expr, labels, values or {}, {})


def _words(
    expr: Expr, labels: dict[str, str], values: dict[str, dict[str, str]], codes: dict[str, str]
) -> str:
    if isinstance(expr, Field):
        return labels.get(expr.key, expr.key)
    if isinstance(expr, Value):
        many = expr.value if isinstance(expr.value, tuple) else (expr.value,)
        return "、".join(codes.get(str(v), _spoken(v)) for v in many)
    named = next((values[a.key] for a in expr.args if isinstance(a, Field) and a.key in values), {})
    parts = [_words(a, labels, values, named) for a in expr.args]
    parts = [
        f"（{p}）" if isinstance(a, Call) and a.op in ("and", "or") else p
        for a, p in zip(expr.args, parts, strict=True)
    ]
    label = OPERATORS[expr.op].label
    match expr.op:
        case "and":
            return "，".join(parts)
        case "or":
            return " 或 ".join(parts)
        case "between":
            return f"{parts[0]}从 {parts[1]} 到 {parts[2]}"
        case "in":
            return f"{parts[0]}为 {parts[1]}"
        case "eq":
            return f"{parts[0]}为 {parts[1]}"
        case "is_null":
            return f"{parts[0]}{label}"
        case "today":
            return label
    return f"{label}（{'，'.join(parts)}）" if len(parts) != 2 else f"{parts[0]}{label} {parts[1]}"


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    if isinstance(value, float):
        return repr(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
