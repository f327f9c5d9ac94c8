"""Prescribing measures on aggregated data (per practice and month): numerator over denominator, from one reviewed file each.

A denominator is a figure of the same data set or the practice's list size. Files are refused like rule files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import ibis
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import expr as x
from .compile import Missing, check_columns
from .prepare import prepare_table
from .rules import RuleError, explain, parse_yaml

DATASET, LISTS = "aggregate_prescribing", "list_sizes"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Figure(_Strict):
    """Sum of a column over the rows whose drug code is selected. `codes`: BNF prefixes, % for any text in the middle (…0%AB), ~ leaves out."""

    sum: Literal["items", "quantity", "total_quantity", "nic", "actual_cost", "adq_usage"]
    codes: tuple[str, ...] = Field(min_length=1)
    where: x.Expr | None = None


class ListSize(_Strict):
    """The practice's registered patients of the month, in units of `per` (1000)."""

    list_size: Literal["all"]
    per: int = Field(default=1000, ge=1)


class Measure(_Strict):
    """A measure as one reviewed file. The value is numerator / denominator · scale; no value where the denominator is 0 or missing."""

    code: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")
    version: int = Field(ge=1)
    title: str
    question: str
    unit: str
    scale: float = 1.0
    numerator: Figure
    denominator: Figure | ListSize
    low_is_good: bool = True
    source: str
    licence: str
    author: str
    checker: str
    reviewed: dt.date
    next_review: dt.date
    notes: str = ""


def load_measure(text: str, source: str) -> Measure:
    """One measure from YAML text. Raises RuleError naming file, line and path."""
    raw, node = parse_yaml(text, source)
    try:
        return Measure.model_validate(raw)
    except ValidationError as error:
        raise RuleError(*explain(error, node, source)) from error


def load_measures(folder: str | Path) -> list[Measure]:
    """Every *.yaml of a folder, ordered by file name. Raises RuleError for a broken one."""
    return [load_measure(p.read_text(encoding="utf-8"), p.name) for p in sorted(Path(folder).glob("*.yaml"))]


def compile_measure(measure: Measure, tables: Mapping[str, ibis.Table], months: list[str]) -> ibis.Table:
    """practice, month, numerator, denominator, value for every practice that has rows in the month.

    Raises Missing when a data set or column is absent."""
    lines = _ready(tables, DATASET, months, {"month", "practice", "bnf_code", measure.numerator.sum})
    part = lines.group_by("practice", "month").agg(numerator=_sum(measure.numerator, lines))
    if isinstance(measure.denominator, Figure):
        other = lines.group_by("practice", "month").agg(denominator=_sum(measure.denominator, lines))
    else:
        lists = _ready(tables, LISTS, months, {"month", "practice", "sex", "age_group", "patients"})
        whole = lists.filter(lists.sex.upper() == "ALL", lists.age_group.upper() == "ALL")
        other = whole.group_by("practice", "month").agg(
            denominator=whole.patients.sum().cast("float64") / float(measure.denominator.per)
        )
    joined = part.left_join(other, ["practice", "month"])
    joined = joined.drop([c for c in joined.columns if c.endswith("_right")])
    quotient = joined.numerator.coalesce(0).cast("float64") / joined.denominator.cast("float64").nullif(0.0)
    return joined.mutate(value=quotient * measure.scale).order_by("practice", "month")


def _ready(tables: Mapping[str, ibis.Table], name: str, months: list[str], columns: set[str]) -> ibis.Table:
    if name not in tables:
        raise Missing(f"缺少数据：{name}")
    check_columns(name, tables[name], columns)
    table = prepare_table(name, tables[name])
    return table.filter(table.month.isin(months))


def _sum(figure: Figure, lines: ibis.Table) -> Any:
    chosen = _selected(figure.codes, lines.bnf_code)
    if figure.where is not None:
        chosen = chosen & x.to_ibis(figure.where, lines, {})
    return lines[figure.sum].sum(where=chosen)


def _selected(codes: tuple[str, ...], column: Any) -> Any:
    within = [_code(c, column) for c in codes if not c.startswith("~")]
    chosen = within[0]
    for other in within[1:]:
        chosen = chosen | other
    for code in codes:
        if code.startswith("~"):
            chosen = chosen & ~_code(code[1:], column)
    return chosen


def _code(code: str, column: Any) -> Any:
    return column.like(code) if "%" in code else column.startswith(code)
