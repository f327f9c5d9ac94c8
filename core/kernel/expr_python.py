"""Expression → truth or value in Python, for one row."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

from core.kernel import clock
from core.kernel.expr_nodes import COMPARISONS, TEXT_TESTS, Call, Expr, Field, Value, fold

_EXACT = Context(prec=100)  # sums and products of our numbers never round


def evaluate(expr: Expr, row: Mapping[str, Any]) -> Any:
    """The truth of a condition, or the value of a calculation (None = null), for `row` (field key → value).

    Values may be in their JSON form (decimals, dates, instants as strings). A key that is absent is null.
    """
    return _truth(expr, row) if isinstance(expr, Call) and expr.type == "bool" else _value(expr, row)


def _truth(expr: Expr, row: Mapping[str, Any]) -> bool:
    assert isinstance(expr, Call)
    op, args = expr.op, expr.args
    if op == "and":
        return all(_truth(a, row) for a in args)
    if op == "or":
        return any(_truth(a, row) for a in args)
    if op == "not":
        return not _truth(args[0], row)
    first = _value(args[0], row)
    if op == "is_null":
        return first is None
    if op == "ne":
        return not _truth(Call("eq", args, "bool"), row)
    if first is None:
        return False
    if op in TEXT_TESTS:
        text, part = fold(first), fold(args[1].value)  # type: ignore[union-attr]
        return {
            "contains": part in text,
            "starts_with": text.startswith(part),
            "ends_with": text.endswith(part),
        }[op]
    if op == "in":
        return first in args[1].value  # type: ignore[union-attr]
    others = [_value(a, row) for a in args[1:]]
    if None in others:
        return False
    if any(a.type == "double" for a in args):
        first, others = float(first), [float(o) for o in others]
    if op == "between":
        return bool(others[0] <= first <= others[1])
    assert op in COMPARISONS
    return bool(_COMPARE[op](first, others[0]))


_COMPARE = {
    "eq": lambda a, b: a == b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
}


def _value(expr: Expr, row: Mapping[str, Any]) -> Any:
    if isinstance(expr, Value):
        return expr.value
    if isinstance(expr, Field):
        return _read(row.get(expr.key), expr.type)
    op = expr.op
    if op == "today":
        return clock.today()
    if op == "if":
        return _cast(_value(expr.args[1 if _truth(expr.args[0], row) else 2], row), expr.type)
    found = [_value(a, row) for a in expr.args]
    if op == "coalesce":
        return _cast(next((v for v in found if v is not None), None), expr.type)
    if None in found:
        return None
    if op == "div":
        return float(found[0]) / float(found[1]) if found[1] else None
    if expr.type == "double":
        found = [float(v) for v in found]
        return _DOUBLES[op](*found)
    return _CALLS[op](*found)


def _add(a: float, b: float) -> float:
    return a + b


def _sub(a: float, b: float) -> float:
    return a - b


def _mul(a: float, b: float) -> float:
    return a * b


def _abs(a: float) -> float:
    return abs(a)


_DOUBLES: dict[str, Any] = {"add": _add, "sub": _sub, "mul": _mul, "abs": _abs}
_CALLS: dict[str, Any] = {
    "add": _EXACT.add,
    "sub": _EXACT.subtract,
    "mul": _EXACT.multiply,
    "abs": _EXACT.abs,
    "length": lambda text: Decimal(len(text)),
    "year": lambda day: Decimal(day.year),
    "month": lambda day: Decimal(day.month),
    "days_between": lambda first, second: Decimal((second - first).days),
    "add_days": lambda day, days: day + timedelta(days=int(days)),
}


def _cast(value: Any, kind: str) -> Any:
    return float(value) if kind == "double" and value is not None else value


def _read(value: Any, kind: str) -> Any:
    if value is None:
        return None
    if kind == "number":
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if kind == "double":
        return float(value)
    if kind == "date" and isinstance(value, str):
        return date.fromisoformat(value)
    if kind == "datetime":
        found = datetime.fromisoformat(value) if isinstance(value, str) else value
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    if kind == "uid" and isinstance(value, str):
        return UUID(value)
    return value
