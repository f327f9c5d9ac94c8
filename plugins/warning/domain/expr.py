"""Typed expressions of rules: a tree of fields, values, parameters and named operations, nothing else.

The shape is that of the kernel's filter trees ({"op": "eq", "args": [{"field": "kind"}, {"value": "drug"}]}) plus arithmetic.
There is no text to run: an operation that is not in OPERATIONS is refused when the rule is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal

import ibis
import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator

# name: (fewest, most) arguments; most None = any number
OPERATIONS: dict[str, tuple[int, int | None]] = {
    "and": (1, None), "or": (1, None), "not": (1, 1),
    "eq": (2, 2), "ne": (2, 2), "lt": (2, 2), "le": (2, 2), "gt": (2, 2), "ge": (2, 2),
    "in": (2, 2), "between": (3, 3), "is_null": (1, 1), "starts_with": (2, 2), "matches": (2, 2),
    "add": (2, None), "sub": (2, 2), "mul": (2, 2), "div": (2, 2), "abs": (1, 1),
    "hour": (1, 1), "prefix": (2, 2), "if": (3, 3), "coalesce": (2, None),
}  # fmt: skip
COMPARE = {"eq", "ne", "lt", "le", "gt", "ge", "in", "between", "is_null", "starts_with", "and", "or", "not"}


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Field(_Strict):
    """A column of the table at hand."""

    field: str


class Value(_Strict):
    """A constant: text, number, truth value, or a list of them for `in`."""

    value: Any = None


class Param(_Strict):
    """A parameter of the rule, which a hospital may set."""

    param: str


class Call(_Strict):
    """An operation on expressions."""

    op: Literal[tuple(OPERATIONS)]  # type: ignore[valid-type]
    args: tuple[Expr, ...]

    @model_validator(mode="after")
    def _count(self) -> Call:
        fewest, most = OPERATIONS[self.op]
        if len(self.args) < fewest or (most is not None and len(self.args) > most):
            raise ValueError(
                f"运算 {self.op} 需要 {fewest}{'' if most == fewest else ' 个以上'} 个参数，这里是 {len(self.args)} 个"
            )
        return self


def _kind(raw: Any) -> str:
    keys = (
        set(raw)
        if isinstance(raw, dict)
        else {k for k in ("op", "field", "param", "value") if hasattr(raw, k)}
    )
    return next(
        (k for k in ("op", "field", "param", "value") if k in keys),
        "value" if isinstance(raw, dict) else "bad",
    )


Expr = Annotated[
    Annotated[Field, Tag("field")]
    | Annotated[Value, Tag("value")]
    | Annotated[Param, Tag("param")]
    | Annotated[Call, Tag("op")],
    Discriminator(_kind),
]
Call.model_rebuild()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything under it."""
    yield expr
    if isinstance(expr, Call):
        for arg in expr.args:
            yield from walk(arg)


def fields(expr: Expr | None) -> set[str]:
    """Names of the columns an expression reads."""
    return {e.field for e in walk(expr) if isinstance(e, Field)} if expr is not None else set()


def params(expr: Expr | None) -> set[str]:
    """Names of the parameters an expression reads."""
    return {e.param for e in walk(expr) if isinstance(e, Param)} if expr is not None else set()


def conjuncts(expr: Expr | None) -> list[Expr]:
    """The parts that must all hold."""
    if expr is None:
        return []
    if isinstance(expr, Call) and expr.op == "and":
        return [part for arg in expr.args for part in conjuncts(arg)]
    return [expr]


def plain(expr: Expr, values: Mapping[str, Any]) -> dict | None:
    """The kernel's JSON tree, parameters filled in; None when it uses an operation that trees of lines do not know."""
    if isinstance(expr, Field):
        return {"field": expr.field}
    if isinstance(expr, Value):
        return {"value": expr.value}
    if isinstance(expr, Param):
        return {"value": values[expr.param]}
    args = [plain(a, values) for a in expr.args]
    return None if expr.op not in COMPARE or None in args else {"op": expr.op, "args": args}


def _constant(expr: Expr, values: Mapping[str, Any]) -> Any:
    if isinstance(expr, Param):
        return values[expr.param]
    if isinstance(expr, Value):
        return expr.value
    raise TypeError("a constant is needed here")


def to_ibis(expr: Expr, table: ibis.Table, values: Mapping[str, Any]) -> Any:
    """The expression over an Ibis table. Decimals are widened to 38 digits before a product; a quotient is a double with nullif."""
    if isinstance(expr, Field):
        return table[expr.field]
    if isinstance(expr, (Value, Param)):
        constant = _constant(expr, values)
        return ibis.null() if constant is None else ibis.literal(constant)
    op = expr.op
    if op in ("in", "starts_with", "matches", "prefix"):
        column = to_ibis(expr.args[0], table, values)
        constant = _constant(expr.args[1], values)
        return {
            "in": column.isin,
            "starts_with": column.startswith,
            "matches": column.re_search,
            "prefix": column.left,
        }[op](constant)
    args = [to_ibis(a, table, values) for a in expr.args]
    if op == "mul":
        args = [_widen(a) for a in args]
    elif op == "div":
        args = [args[0].cast("float64"), args[1].cast("float64").nullif(0.0)]
    return _IBIS[op](*args)


def _widen(column: Any) -> Any:
    return column.cast("decimal(38, 5)") if column.type().is_decimal() else column


def _fold(step: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def apply(first: Any, *rest: Any) -> Any:
        for other in rest:
            first = step(first, other)
        return first

    return apply


_BINARY: dict[str, Callable[..., Any]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "add": _fold(lambda a, b: a + b), "sub": lambda a, b: a - b, "mul": lambda a, b: a * b,
    "and": _fold(lambda a, b: a & b), "or": _fold(lambda a, b: a | b), "not": lambda a: ~a,
}  # fmt: skip
_IBIS: dict[str, Callable[..., Any]] = _BINARY | {
    "div": lambda a, b: a / b,
    "between": lambda a, low, high: a.between(low, high),
    "is_null": lambda a: a.isnull(),
    "abs": lambda a: a.abs(),
    "hour": lambda a: a.hour(),
    "if": ibis.ifelse,
    "coalesce": ibis.coalesce,
}


def on_frame(expr: Expr, frame: pd.DataFrame, values: Mapping[str, Any]) -> np.ndarray:
    """The expression over a measured table: doubles and truth values; a comparison with a missing value is false."""
    if isinstance(expr, Field):
        column = frame[expr.field]
        if pd.api.types.is_bool_dtype(column.dtype):
            return column.to_numpy(bool)
        return (
            pd.to_numeric(column, errors="coerce").to_numpy(float)
            if not _is_text(column)
            else column.to_numpy(object)
        )
    if isinstance(expr, (Value, Param)):
        constant = _constant(expr, values)
        if isinstance(constant, np.ndarray):  # one value a row: a department's own
            return constant
        if isinstance(constant, str):
            return np.full(len(frame), constant, dtype=object)
        return np.full(len(frame), np.nan if constant is None else constant)
    args = [on_frame(a, frame, values) for a in expr.args]
    with np.errstate(divide="ignore", invalid="ignore"):
        if expr.op == "div":
            return np.where(args[1] == 0, np.nan, args[0] / np.where(args[1] == 0, 1, args[1]))
        return np.asarray(_NUMPY[expr.op](*args))


def _is_text(column: pd.Series) -> bool:
    return (column.dtype == object and any(isinstance(v, str) for v in column.head(20))) or isinstance(
        column.dtype, pd.StringDtype
    )


_NUMPY: dict[str, Callable[..., Any]] = _BINARY | {
    "between": lambda a, low, high: (a >= low) & (a <= high),
    "is_null": pd.isna,
    "abs": np.abs,
    "if": np.where,
    "coalesce": _fold(lambda a, b: np.where(pd.isna(a), b, a)),
    "not": np.logical_not,
}
