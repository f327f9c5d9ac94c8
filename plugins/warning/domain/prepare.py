"""Tables made ready for rules: a `period` column (first of month), decimals, returns netted into the line they return.

Netting (warnings.md §2): a return that names its original line is taken off that line, in the month of the original; one that
does not stays as a negative line in its own month. Lines whose quantity becomes 0 vanish, so a line and its return change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ibis

LINES = "prescription_lines"
DECIMAL = "decimal(18, 5)"
_DECIMALS = {
    LINES: ("qty", "price", "amount"),
    "items": ("price", "ddd_per_unit"),
    "dept_month": ("medical_income",),
    "aggregate_prescribing": ("quantity", "total_quantity", "nic", "actual_cost"),
}
_DAY = {LINES: "date", "rep_visits": "date", "access_log": "time"}
_MONTH = ("dept_month", "aggregate_prescribing", "list_sizes")
#: Under this name `prepare` adds the returns that are netted into an earlier month.
RETURNS = "returns_across_months"
DIMENSIONS = ("items", "doctors", "patients", "departments")


def prepare(con: Any, tables: Mapping[str, ibis.Table]) -> dict[str, ibis.Table]:
    """The tables with period, decimals and netted lines; writes at most one small temporary table of returned lines."""
    ready = {name: prepare_table(name, table) for name, table in tables.items()}
    if LINES in ready:
        whole = ready[LINES]
        ready[LINES] = _net(con, whole)
        if "original_key" in whole.columns and "source_key" in whole.columns:
            ready[RETURNS] = _across_months(whole)
    return ready


def drop_prepared(con: Any) -> None:
    """Removes the temporary table of returned lines."""
    con.drop_table("returned_lines", force=True)


def _across_months(lines: ibis.Table) -> ibis.Table:
    """Returns whose original lies in another month: `return_key`, `return_date`, and the original's columns."""
    back = lines.filter((lines.qty < 0) & lines.original_key.notnull()).select(
        return_key="source_key", return_date="date", return_period="period", returned="original_key"
    )
    pairs = lines.filter(lines.qty > 0).inner_join(back, lines.source_key == back.returned)
    return pairs.filter(pairs.period != pairs.return_period).order_by("return_key")


def prepare_table(name: str, table: ibis.Table) -> ibis.Table:
    """One table with its decimals and its `period` (first of month)."""
    casts = {}
    for column in _DECIMALS.get(name, ()):
        if column in table.columns and not table[column].type().is_decimal():
            casts[column] = table[column].cast(DECIMAL)
    if name in _DAY and _DAY[name] in table.columns:
        day = table[_DAY[name]]
        if _DAY[name] == "date" and not day.type().is_date():
            day = casts["date"] = day.cast("date")
        casts["period"] = day.cast("date").truncate("M")
    elif name in _MONTH and "month" in table.columns:
        casts["period"] = (table.month.cast("string") + ibis.literal("-01")).cast("date")
    return table.mutate(**casts) if casts else table


def _net(con: Any, lines: ibis.Table) -> ibis.Table:
    if "original_key" not in lines.columns or "source_key" not in lines.columns:
        return lines.filter(lines.qty != 0)
    returns = lines.filter((lines.qty < 0) & lines.original_key.notnull()).select(
        "source_key", "original_key", "qty", "amount"
    )
    keys = returns.group_by(key=returns.original_key).agg(
        less_qty=returns.qty.sum(), less_amount=returns.amount.sum()
    )
    found = (
        lines.filter(lines.qty > 0)
        .inner_join(keys, lines.source_key == keys.key)
        .select("key", "less_qty", "less_amount")
    )
    zero = ibis.literal(0).cast("decimal(38, 5)")
    gone = returns.semi_join(found, returns.original_key == found.key).select(
        key="source_key", less_qty=zero, less_amount=zero, gone=ibis.literal(True)
    )
    adjust = found.mutate(gone=ibis.literal(False)).union(gone)
    small = con.create_table("returned_lines", adjust, temp=True, overwrite=True)
    if small.count().execute() == 0:
        return lines.filter(lines.qty != 0)
    joined = lines.left_join(small, lines.source_key == small.key)
    qty = (joined.qty + joined.less_qty.coalesce(zero)).cast(DECIMAL)
    amount = (joined.amount + joined.less_amount.coalesce(zero)).cast(DECIMAL)
    netted = joined.mutate(qty=qty, amount=amount).filter(~joined.gone.coalesce(False))
    return netted.filter(netted.qty != 0).drop("key", "less_qty", "less_amount", "gone")
