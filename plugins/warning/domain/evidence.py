"""The lines behind a warning, as a filter tree of the data set (kernel's expression form): exactly the lines that made the figure."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import ibis
import pandas as pd

from . import expr as x
from .compile import EPOCH, add_months, joined, month_start, reach, repeats
from .measured import plain
from .prepare import LINES, RETURNS, UNMATCHED
from .rules import Frame, Rule

MOST_KEYS = 500
KEY = {LINES: "source_key", "access_log": "time"}
ORDER = {LINES: ["-amount", "source_key"], "access_log": ["time"], "rep_visits": ["date"]}


def evidence(
    rule: Rule,
    tables: Mapping[str, ibis.Table],
    values: Mapping[str, Any],
    found: list[tuple[dict[str, Any], str]],
) -> list[dict[str, Any]]:
    """One evidence per (subject, period) in the same order: {dataset, where, order}."""
    if not found:
        return []
    frame = next((f for f in rule.frames.values() if f.dataset == LINES), next(iter(rule.frames.values())))
    fixed = _fixed(frame, tables, values)
    exact: dict[tuple, list[dict]] = {}
    if rule.evidence == "pairs" and frame.repeat:
        exact = _pairs(rule, frame, tables, values, found)
    elif rule.evidence == "keys" and KEY.get(frame.dataset) in tables[frame.dataset].columns:
        exact = _keys(rule, frame, tables, values, found)
    order = ORDER.get(frame.dataset, [])
    returns = _returns(rule, frame, tables, values, found)
    result = []
    for subject, period in found:
        span = _span(rule, frame, tables[frame.dataset], period)
        parts = _period(tables[frame.dataset], period, span)
        known = exact.get((tuple(sorted(subject.items(), key=str)), period))
        keys: set[str] | None = None
        if known is not None and rule.evidence == "pairs":
            parts += [*fixed, {"op": "or", "args": known}]
        else:
            parts += [
                _eq(name, value) for name, value in subject.items() if name in tables[frame.dataset].columns
            ]
            if known is not None and frame.dataset == LINES:
                keys = set(known[0]["args"][1]["value"])
            parts += known if known is not None else fixed
        if returns is not None:
            parts = _with_returns(parts, returns, subject, span, keys)
        result.append({"dataset": frame.dataset, "where": {"op": "and", "args": parts}, "order": order})
    return result


@dataclass(frozen=True)
class _Returns:
    """`own`: linked returns that a condition on lines could misplace, of originals that the rule's filter lets pass.
    `every`: the same without the filter. `unmatched`: returns without original. `filtered`: the rule asks for `qty > 0`."""

    own: pd.DataFrame
    every: pd.DataFrame
    unmatched: pd.DataFrame
    filtered: bool


def _returns(
    rule: Rule,
    frame: Frame,
    tables: Mapping[str, ibis.Table],
    values: Mapping[str, Any],
    found: list[tuple[dict[str, Any], str]],
) -> _Returns | None:
    """What evidence must know of returns; None where lines have none to link."""
    if frame.dataset != LINES or RETURNS not in tables:
        return None
    spans = [_span(rule, frame, tables[LINES], period) for _, period in found]
    start, end = min(s for s, _ in spans), max(e for _, e in spans)
    passing = joined(frame, {**tables, LINES: tables[RETURNS]}, values, start, end)
    whole = tables[RETURNS]
    if "date" not in rule.grain and rule.evidence != "keys":
        passing, whole = passing.filter(~passing.alike), whole.filter(~whole.alike)
    names = [name for name in rule.grain if name in whole.columns]
    wanted = {name: {subject.get(name) for subject, _ in found} for name in names}
    own, theirs = _plain_columns(passing.execute(), names), _plain_columns(whole.execute(), names)
    for name in names:
        own = own[own[name].isin(wanted[name])]
        theirs = theirs[theirs[_back(name)].isin(wanted[name])]
    bought_only = any(_only_bought(c) for c in x.conjuncts(frame.where))
    return _Returns(own, theirs, tables[UNMATCHED].execute(), bought_only)


def _back(name: str) -> str:
    return f"return_{name}"


def _plain_columns(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Keys as subjects write them."""
    days = {n: frame[n].map(plain) for name in names if name == "date" for n in (name, _back(name))}
    return frame.assign(**days)


def _with_returns(
    parts: list[dict[str, Any]],
    returns: _Returns,
    subject: Mapping[str, Any],
    span: tuple[dt.date, dt.date],
    keys: set[str] | None,
) -> list[dict[str, Any]]:
    """The condition with the returns of its own lines, wherever they lie, and without returns that belong to other lines.

    `keys`: the lines themselves, where the rule names them."""
    start, end = (pd.Timestamp(day) for day in span)

    def within(days: pd.Series) -> pd.Series:
        return (pd.to_datetime(days) >= start) & (pd.to_datetime(days) < end)

    own, theirs, lost = returns.own, returns.every, returns.unmatched
    for name, value in subject.items():
        own = own[own[name] == value] if name in own.columns else own
        theirs = theirs[theirs[_back(name)] == value] if _back(name) in theirs.columns else theirs
    own = own[within(own["date"])]
    if keys is not None:
        own = own[own["returned"].isin(keys)]
    more = sorted(own["return_key"])[:MOST_KEYS]
    less = set(theirs[within(theirs["return_date"])]["return_key"]) - set(more)
    if returns.filtered:
        less |= set(lost[within(lost["date"])]["source_key"])
    if keys is not None:
        less = set()
    if more:
        parts = [{"op": "or", "args": [{"op": "and", "args": parts}, _in("source_key", more)]}]
    if less:
        parts = [*parts, {"op": "not", "args": [_in("source_key", sorted(less)[:MOST_KEYS])]}]
    return parts


def _only_bought(conjunct: x.Expr) -> bool:
    """Whether this is the filter `qty > 0`."""
    return (
        isinstance(conjunct, x.Call)
        and conjunct.op == "gt"
        and conjunct.args == (x.Field(field="qty"), x.Value(value=0))
    )


def _span(rule: Rule, frame: Frame, table: ibis.Table, period: str) -> tuple[dt.date, dt.date]:
    """First day and the day after the last that a period's evidence covers."""
    end = add_months(month_start(period), 1)
    start = add_months(end, -rule.evidence_months)
    return start - dt.timedelta(days=reach(rule, frame, table) if frame.repeat else 0), end


def _eq(name: str, value: Any) -> dict[str, Any]:
    return {"op": "eq", "args": [{"field": name}, {"value": value}]}


def _in(name: str, values: list[Any]) -> dict[str, Any]:
    return {"op": "in", "args": [{"field": name}, {"value": values}]}


def _period(table: ibis.Table, period: str, span: tuple[dt.date, dt.date]) -> list[dict[str, Any]]:
    start, end = span
    if "date" in table.columns or "time" in table.columns:
        name = "date" if "date" in table.columns else "time"
        return [
            {"op": "ge", "args": [{"field": name}, {"value": start.isoformat()}]},
            {"op": "lt", "args": [{"field": name}, {"value": end.isoformat()}]},
        ]
    return [_eq("month", period)]


def _fixed(frame: Frame, tables: Mapping[str, ibis.Table], values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rule's own filter on the data set: its columns as they are, lookups as the list of keys that pass."""
    own = set(tables[frame.dataset].columns)
    parts = []
    by_join: dict[int, list[x.Expr]] = defaultdict(list)
    for conjunct in x.conjuncts(frame.where):
        needs = x.fields(conjunct)
        if _only_bought(conjunct) and "original_key" in own:  # a line and its return are shown together
            linked = {"op": "not", "args": [{"op": "is_null", "args": [{"field": "original_key"}]}]}
            parts.append({"op": "or", "args": [x.plain(conjunct, values), linked]})
            continue
        if needs <= own:
            tree = x.plain(conjunct, values)
            parts += [tree] if tree else []
            continue
        for i, join in enumerate(frame.joins):
            if needs <= set(join.take) and len(join.match) == 1:
                by_join[i].append(conjunct)
    for i, conditions in by_join.items():
        join = frame.joins[i]
        ((left, right),) = join.match.items()
        side = tables[join.dataset]
        side = side.select(join_key=side[right], **{new: side[old] for new, old in join.take.items()})
        side = side.filter(*[x.to_ibis(c, side, values) for c in conditions])
        keys = side.select("join_key").distinct().order_by("join_key").execute()["join_key"]
        parts.append(_in(left, [plain(k) for k in keys]))
    return parts


def _subjects(rule: Rule, found: list[tuple[dict[str, Any], str]], table: ibis.Table) -> ibis.Table:
    """Only rows of the found subjects' periods and first key: a coarse filter before the exact match in pandas."""
    table = table.filter(
        table.period.isin([ibis.literal(month_start(p)) for p in sorted({p for _, p in found})])
    )
    for name in rule.grain[:1]:
        table = table.filter(table[name].isin(sorted({s[name] for s, _ in found if name in s}, key=str)))
    return table


def _rows(
    rule: Rule, table: ibis.Table, columns: list[str], found: list[tuple[dict[str, Any], str]]
) -> dict[tuple, pd.DataFrame]:
    frame = _subjects(rule, found, table).select(*dict.fromkeys([*rule.grain, "period", *columns])).execute()
    frame["month"] = pd.to_datetime(frame["period"]).dt.strftime("%Y-%m")
    wanted = {(tuple(sorted(s.items(), key=str)), p) for s, p in found}
    groups: dict[tuple, pd.DataFrame] = {}
    for key, part in frame.groupby([*rule.grain, "month"], dropna=False, sort=False):
        named = {n: plain(v) for n, v in zip(rule.grain, key[:-1], strict=True) if v != ""}
        place = (tuple(sorted(named.items(), key=str)), key[-1])
        if place in wanted:
            groups[place] = part
    return groups


def _range(found: list[tuple[dict[str, Any], str]]) -> tuple[dt.date, dt.date]:
    months = [p for _, p in found]
    return month_start(min(months)), add_months(month_start(max(months)), 1)


def _keys(
    rule: Rule, frame: Frame, tables: Mapping[str, ibis.Table], values: Mapping[str, Any], found: list
) -> dict[tuple, list[dict]]:
    start, end = _range(found)
    if frame.share_of:
        start = add_months(start, -rule.look_back_months)
    key = KEY[frame.dataset]
    groups = _rows(rule, joined(frame, tables, values, start, end, 0, rule.look_back_months), [key], found)
    return {
        place: [_in(key, sorted(_key_text(v) for v in part[key]))]
        for place, part in groups.items()
        if len(part) <= MOST_KEYS
    }


def _pairs(
    rule: Rule, frame: Frame, tables: Mapping[str, ibis.Table], values: Mapping[str, Any], found: list
) -> dict[tuple, list[dict]]:
    start, end = _range(found)
    assert frame.repeat is not None
    spec = frame.repeat
    back = reach(rule, frame, tables[frame.dataset])
    table = repeats(frame, joined(frame, tables, values, start, end, back), rule.grain, values, start, back)
    result = {}
    for place, part in _rows(rule, table, [*spec.partition, "day_number", spec.previous], found).items():
        if len(part) > MOST_KEYS:
            continue
        trees = []
        for row in part.sort_values([*spec.partition, "day_number"]).to_dict("records"):
            days = [
                (EPOCH + dt.timedelta(days=int(row[c]))).isoformat() for c in (spec.previous, "day_number")
            ]
            trees.append(
                {"op": "and", "args": [*[_eq(c, plain(row[c])) for c in spec.partition], _in(spec.day, days)]}
            )
        result[place] = trees
    return result


def _key_text(value: Any) -> Any:
    return pd.Timestamp(value).isoformat() if isinstance(value, (pd.Timestamp, dt.datetime)) else plain(value)
