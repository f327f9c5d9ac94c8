"""A rule and its tables become one Ibis expression: subject columns, period, figures, value. Runs on DuckDB; nothing DuckDB-only is used.

Every window has a total order and an explicit frame; distinct counts are grouped, never windowed; quotients are doubles with nullif.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import ibis

from . import expr as x
from .prepare import DIMENSIONS, LINES
from .rules import Aggregate, Frame, PeerStatistic, Repeat, Rule, ShareOf

EPOCH = dt.date(1970, 1, 1)


class Missing(Exception):
    """The data do not hold what a rule needs; the text says what, in Chinese."""


def compile_rule(
    rule: Rule, tables: Mapping[str, ibis.Table], months: list[str], values: Mapping[str, Any] | None = None
) -> ibis.Table:
    """The measured table of a rule for the months ("2025-03"), look-back months included, over prepared tables.

    Raises Missing when a data set or column is absent."""
    values = parameters(rule, values)
    check_needs(rule, tables)
    start, end = span(rule, months)
    measured: ibis.Table | None = None
    for frame in rule.frames.values():
        part = _frame(rule, frame, tables, values, start, end)
        if measured is None:
            measured = part
            continue
        keys = [*(frame.grain if frame.grain is not None else rule.grain), "period"]
        measured = measured.left_join(part, keys)
        measured = measured.drop([c for c in measured.columns if c.endswith("_right")])
    assert measured is not None
    return measured.mutate(value=_value(rule.value, measured, values))


def zero_base(
    rule: Rule, tables: Mapping[str, ibis.Table], months: list[str], values: Mapping[str, Any] | None = None
) -> ibis.Table | None:
    """Who else is in the group though absent from the measured rows (a doctor without the item has share 0): the coarser frame alone."""
    if not any(isinstance(s, PeerStatistic) and s.zero_fill for s in rule.statistics):
        return None
    coarse = next(f for f in rule.frames.values() if f.grain is not None)
    start, end = span(rule, months)
    return _frame(rule, coarse, tables, parameters(rule, values), start, end)


def parameters(rule: Rule, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Defaults with the hospital's own values over them. Raises ValueError for an unknown name or a value out of bounds."""
    values = {name: p.default for name, p in rule.parameters.items()}
    for name, value in (given or {}).items():
        parameter = rule.parameters.get(name)
        if parameter is None:
            if name in values:
                continue
            raise ValueError(f"规则 {rule.code} 没有参数 {name}")
        low, high = parameter.least, parameter.most
        if isinstance(value, (int, float)) and (
            (low is not None and value < low) or (high is not None and value > high)
        ):
            raise ValueError(f"规则 {rule.code} 的参数 {name} 应在 {low} 至 {high} 之间")
        values[name] = value
    return values


def span(rule: Rule, months: list[str]) -> tuple[dt.date, dt.date]:
    """First day of the first month with its look-back, and the first day after the last month."""
    first = add_months(month_start(min(months)), -rule.look_back_months)
    return first, add_months(month_start(max(months)), 1)


def month_start(month: str) -> dt.date:
    """2025-03 → 1 March 2025."""
    year, number = month.split("-")
    return dt.date(int(year), int(number), 1)


def add_months(day: dt.date, months: int) -> dt.date:
    """First of a month, so many months on."""
    index = day.year * 12 + day.month - 1 + months
    return dt.date(index // 12, index % 12 + 1, 1)


def check_needs(rule: Rule, tables: Mapping[str, ibis.Table]) -> None:
    """Raises Missing naming the absent data set or column."""
    for name in sorted(rule.datasets):
        if name not in tables:
            raise Missing(f"缺少数据：{DATASET_LABELS.get(name, name)}")
    for frame in rule.frames.values():
        have = set(tables[frame.dataset].columns)
        for join in frame.joins:
            must = {old for new, old in join.take.items() if new not in join.absent} | set(
                join.match.values()
            )
            lacking = (set(join.match) - have) | (must - set(tables[join.dataset].columns))
            if lacking:
                raise Missing(
                    f"{DATASET_LABELS.get(join.dataset, join.dataset)}缺少列：{'、'.join(sorted(lacking))}"
                )
            have |= set(join.take)
        lacking = (
            _reads(frame, frame.grain if frame.grain is not None else rule.grain)
            - have
            - set(frame.columns)
            - {s.name for s in frame.share_of}
        )
        if lacking:
            raise Missing(
                f"{DATASET_LABELS.get(frame.dataset, frame.dataset)}缺少列：{'、'.join(sorted(lacking))}"
            )


def check_columns(name: str, table: ibis.Table, columns: set[str]) -> None:
    """Raises Missing naming the columns that a data set lacks."""
    lacking = columns - set(table.columns)
    if lacking:
        raise Missing(f"{DATASET_LABELS.get(name, name)}缺少列：{'、'.join(sorted(lacking))}")


def joined(
    frame: Frame,
    tables: Mapping[str, ibis.Table],
    values: Mapping[str, Any],
    start: dt.date,
    end: dt.date,
    look_back_days: int = 0,
    look_back_months: int = 0,
) -> ibis.Table:
    """The rows of a frame before grouping: period filter, lookups, columns, filter, repeats."""
    table = tables[frame.dataset]
    since = start - dt.timedelta(days=look_back_days)
    day = "date" if "date" in table.columns else "period"
    table = table.filter(table[day] >= ibis.literal(since), table[day] < ibis.literal(end))
    waiting = x.conjuncts(frame.where)
    if not frame.share_of:
        table, waiting = _apply(
            table, waiting, values
        )  # what the data set itself can tell, before any lookup
    for join in frame.joins:
        side = tables[join.dataset]
        lacking = {
            new: constant for new, constant in join.absent.items() if join.take[new] not in side.columns
        }
        if set(lacking) == set(join.take):
            table = table.mutate(**{new: ibis.literal(constant) for new, constant in lacking.items()})
            continue
        side = side.mutate(**{join.take[new]: ibis.literal(constant) for new, constant in lacking.items()})
        names = {f"{join.dataset}_{right}": side[right] for right in join.match.values()}
        side = side.select(**names, **{new: side[old] for new, old in join.take.items()})
        table = table.left_join(
            side, [table[left] == side[f"{join.dataset}_{right}"] for left, right in join.match.items()]
        )
        table = table.drop(*names)
        table = (
            table.mutate(**{new: table[new].coalesce(ibis.literal(c)) for new, c in join.absent.items()})
            if join.absent
            else table
        )
    for share in frame.share_of:
        table = _with_share(table, share, look_back_months)
    for name, expression in frame.columns.items():
        table = table.mutate(**{name: x.to_ibis(expression, table, values)})
    table, waiting = _apply(table, waiting, values)
    if waiting:
        raise Missing(f"缺少列：{'、'.join(sorted(x.fields(waiting[0]) - set(table.columns)))}")
    return table


def repeats(
    frame: Frame,
    table: ibis.Table,
    grain: tuple[str, ...],
    values: Mapping[str, Any],
    start: dt.date,
    back: int,
) -> ibis.Table:
    """Rows with an earlier day of the same partition within the days; one row per partition, day and subject."""
    spec = frame.repeat
    assert spec is not None
    keys = list(dict.fromkeys([*spec.partition, spec.day, "period", *grain]))
    if supplied(frame, table):
        return _repeats_by_supply(spec, table, keys, back, values, start)
    rows = (
        table.filter(table.qty > 0).select(*keys).distinct()
        if "qty" in table.columns
        else table.select(*keys).distinct()
    )
    rows = rows.mutate(day_number=_day_number(rows, spec.day))
    within = int(x._constant(spec.within, values))
    window = ibis.range_window(preceding=(within, 1), group_by=list(spec.partition), order_by="day_number")
    rows = rows.mutate(**{spec.previous: rows.day_number.max().over(window)})
    return rows.filter(rows[spec.previous].notnull(), rows[spec.day] >= ibis.literal(start))


def supplied(frame: Frame, table: ibis.Table) -> bool:
    """Whether the data tell how many days a row supplied, and the rule asks."""
    return bool(frame.repeat and frame.repeat.supply and frame.repeat.supply in table.columns)


def reach(rule: Rule, frame: Frame, table: ibis.Table) -> int:
    """Days that a frame looks back before its first day."""
    return max(rule.look_back_days, rule.look_back_supply) if supplied(frame, table) else rule.look_back_days


def basis(rule: Rule, tables: Mapping[str, ibis.Table], values: Mapping[str, Any]) -> str:
    """What a rule with repeats counted as one on these data, in words; empty for other rules."""
    frame = next((f for f in rule.frames.values() if f.repeat), None)
    if frame is None or frame.repeat is None:
        return ""
    said = f"在 {int(x._constant(frame.repeat.within, values))} 日内"
    if not supplied(frame, tables[frame.dataset]) or frame.repeat.left is None:
        return said
    return f"{said}或上次余药多于 {float(x._constant(frame.repeat.left, values)) * 100:g}% 时"


def _repeats_by_supply(
    spec: Repeat, table: ibis.Table, keys: list[str], back: int, values: Mapping[str, Any], start: dt.date
) -> ibis.Table:
    """As `repeats`, with the supply of the last earlier row: day and days supplied travel as one whole number."""
    assert spec.supply is not None and spec.left is not None
    bought = table.filter(table.qty > 0) if "qty" in table.columns else table
    rows = bought.group_by(keys).agg(supply_days=bought[spec.supply].max())
    days = rows.supply_days.coalesce(0).clip(0, 999).cast("int64")
    number = _day_number(rows, spec.day)
    rows = rows.mutate(day_number=number, packed=number.cast("int64") * 1000 + days)
    window = ibis.range_window(preceding=(back, 1), group_by=list(spec.partition), order_by="day_number")
    rows = rows.mutate(last=rows.packed.max().over(window))
    rows = rows.mutate(**{spec.previous: (rows["last"] // 1000).cast("int32"), "had": rows["last"] % 1000})
    gap = rows.day_number - rows[spec.previous]
    left = (rows.had - gap).cast("float64") > rows.had.cast("float64") * float(x._constant(spec.left, values))
    near = gap <= int(x._constant(spec.within, values))
    rows = rows.filter(rows[spec.previous].notnull(), rows[spec.day] >= ibis.literal(start), near | left)
    return rows.drop("supply_days", "packed", "last", "had")


def _day_number(rows: ibis.Table, day: str) -> Any:
    known = rows[day]
    number = known.delta(ibis.literal(EPOCH), unit="day") if hasattr(known, "delta") else known
    return number.cast("int32")


def _with_share(table: ibis.Table, share: ShareOf, months: int) -> ibis.Table:
    """Rows alike / rows of the partition, both over the row's month and so many months before it."""
    table = table.mutate(month_number=(table.period.year() * 12 + table.period.month()).cast("int32"))
    one = table[share.of[0]]
    alike, whole = (
        one.count()
        .over(ibis.range_window(preceding=months, following=0, group_by=group, order_by="month_number"))
        .cast("float64")
        for group in ([*share.partition, *share.of], list(share.partition))
    )
    return table.mutate(**{share.name: alike / whole.nullif(0.0)}).drop("month_number")


DATASET_LABELS = {
    LINES: "处方明细", "items": "药品耗材目录", "doctors": "医师目录", "patients": "患者目录", "departments": "科室", "dept_month": "科室月度经营",
    "access_log": "系统查询日志", "rep_visits": "代表接待", "aggregate_prescribing": "汇总处方", "list_sizes": "人口",
}  # fmt: skip


def _frame(
    rule: Rule,
    frame: Frame,
    tables: Mapping[str, ibis.Table],
    values: Mapping[str, Any],
    start: dt.date,
    end: dt.date,
) -> ibis.Table:
    grain = frame.grain if frame.grain is not None else rule.grain
    back = reach(rule, frame, tables[frame.dataset])
    table = joined(frame, tables, values, start, end, back, rule.look_back_months)
    if frame.repeat:
        table = repeats(frame, table, grain, values, start, back)
    elif rule.look_back_days:
        day = "date" if "date" in table.columns else "period"
        table = table.filter(table[day] >= ibis.literal(start))
    keys = [*grain, "period"]
    if frame.inner:
        inner_keys = list(dict.fromkeys([*keys, *frame.inner.by]))
        table = table.group_by(inner_keys).agg(
            **{n: _figure(a, table, values) for n, a in frame.inner.figures.items()}
        )
        if frame.inner.where is not None:
            table = table.filter(x.to_ibis(frame.inner.where, table, values))
    result = table.group_by(keys).agg(**{n: _figure(a, table, values) for n, a in frame.figures.items()})
    if frame.keep is not None:
        wanted = x.to_ibis(frame.keep, result, values)
        if frame.keep_peers_of is None:
            return result.filter(wanted)
        groups = result.filter(wanted).select(*frame.keep_peers_of, "period").distinct()
        result = result.semi_join(groups, [*frame.keep_peers_of, "period"])
    return result


def _figure(figure: Aggregate, table: ibis.Table, values: Mapping[str, Any]) -> Any:
    where = x.to_ibis(figure.where, table, values) if figure.where is not None else None
    of = x.to_ibis(figure.of, table, values) if figure.of is not None else None
    if figure.op in ("count", "count_distinct") and "qty" in table.columns:
        where = (table.qty > 0) if where is None else where & (table.qty > 0)
    if figure.op == "count":
        return table.count(where=where)
    assert of is not None  # a figure other than count names what it is of: checked when the rule is read
    if figure.op == "count_distinct":
        return of.nunique(where=where)
    if figure.op in ("hhi", "top_share"):
        part = of.cast("float64")
        total = part.sum(where=where).nullif(0.0)
        return (
            (part * part).sum(where=where) * 10000.0 / (total * total)
            if figure.op == "hhi"
            else part.max(where=where) * 100.0 / total
        )
    if figure.op == "mean":
        return of.cast("float64").mean(where=where)
    return {"sum": of.sum, "max": of.max, "min": of.min}[figure.op](where=where)


def _value(expression: x.Expr, table: ibis.Table, values: Mapping[str, Any]) -> Any:
    return x.to_ibis(expression, table, values).cast("float64")


def _apply(
    table: ibis.Table, waiting: list[x.Expr], values: Mapping[str, Any]
) -> tuple[ibis.Table, list[x.Expr]]:
    now = [c for c in waiting if x.fields(c) <= set(table.columns)]
    if now:
        table = table.filter(*[x.to_ibis(c, table, values) for c in now])
    return table, [c for c in waiting if c not in now]


def _reads(frame: Frame, grain: tuple[str, ...]) -> set[str]:
    names = set(grain) | x.fields(frame.where) | {f for e in frame.columns.values() for f in x.fields(e)}
    for share in frame.share_of:
        names |= set(share.partition) | set(share.of)
    if frame.repeat:
        names |= set(frame.repeat.partition) | {frame.repeat.day}
    figures = frame.inner.figures if frame.inner else frame.figures
    if frame.inner:
        names |= set(frame.inner.by)
    for figure in figures.values():
        names |= x.fields(figure.of) | x.fields(figure.where)
    return names - set(DIMENSIONS) if frame.repeat is None else names - {frame.repeat.previous}
