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
#: Under these names `prepare` adds returns with their originals, and those whose original is not there.
RETURNS, UNMATCHED = "returns_linked", "returns_unmatched"
COMPARED = ("rx", "campus", "department", "doctor", "patient", "visit_type", "item", "kind")
DIMENSIONS = ("items", "doctors", "patients", "departments")
#: How many days a line supplies; not every hospital's system tells.
SUPPLIED = "days_supplied"
#: Prepared tables are views of this name and the data set's, whatever files lie below: a rule's SQL is the same in every run.
VIEW = "ready_"
#: Rows up to which a table is held in memory for the run.
HELD = 200_000


def prepare(con: Any, tables: Mapping[str, ibis.Table]) -> dict[str, ibis.Table]:
    """The tables with period, decimals and netted lines under fixed names; writes small temporary tables only."""
    ready = {name: prepare_table(name, table) for name, table in tables.items()}
    if LINES in ready:
        whole = ready[LINES] = _without_empty(ready[LINES], SUPPLIED)
        ready[LINES] = _net(con, whole)
        if "original_key" in whole.columns and "source_key" in whole.columns:
            ready[RETURNS] = con.create_table(RETURNS, _linked(whole), temp=True, overwrite=True)
            ready[UNMATCHED] = con.create_table(UNMATCHED, _unmatched(whole), temp=True, overwrite=True)
    return {name: _ready(con, name, table) for name, table in ready.items()}


def _without_empty(lines: ibis.Table, column: str) -> ibis.Table:
    """Without an optional column that no line fills: rules then do as if the source did not have it."""
    if column not in lines.columns or lines.filter(lines[column].notnull()).limit(1).count().execute():
        return lines
    return lines.drop(column)


def drop_prepared(con: Any) -> None:
    """Takes what was prepared off a connection that goes on to other tables."""
    found = con.con.execute("SELECT table_name FROM information_schema.tables").fetchall()
    for (name,) in found:
        if name.startswith(VIEW):
            _drop(con, name)
    for name in ("returned_lines", RETURNS, UNMATCHED):
        con.drop_table(name, force=True)


def _ready(con: Any, name: str, table: ibis.Table) -> ibis.Table:
    """The table under its fixed name: a small one is held, so that a dozen rules do not each read its file again."""
    _drop(con, VIEW + name)
    held = name != LINES and int(table.count().execute()) <= HELD
    con.raw_sql(f'CREATE TEMP {"TABLE" if held else "VIEW"} "{VIEW}{name}" AS {con.compile(table)}')
    return con.table(VIEW + name)


def _drop(con: Any, name: str) -> None:
    """Drops a view or table of that name, where there is one."""
    kind = con.con.execute(
        "SELECT table_type FROM information_schema.tables WHERE table_name = ?", [name]
    ).fetchone()
    if kind:
        con.raw_sql(f'DROP {"VIEW" if kind[0] == "VIEW" else "TABLE"} "{name}"')


def _linked(lines: ibis.Table) -> ibis.Table:
    """Returns with their originals: the original's columns, `return_key`, `return_date`, the return's own columns as `return_…`.

    `alike`: of the original's month and like it in every column that rules look at, so a condition finds both or none."""
    shared = [name for name in COMPARED if name in lines.columns]
    back = lines.filter((lines.qty < 0) & lines.original_key.notnull()).select(
        return_key="source_key",
        return_date="date",
        returned="original_key",
        return_period="period",
        **{f"return_{name}": name for name in shared},
    )
    pairs = lines.filter(lines.qty > 0).inner_join(back, lines.source_key == back.returned)
    apart = pairs.period != pairs.return_period
    for name in shared:
        apart = apart | ~pairs[name].identical_to(pairs[f"return_{name}"])
    return pairs.mutate(alike=~apart).drop("return_period").order_by("return_key")


def _unmatched(lines: ibis.Table) -> ibis.Table:
    """Returns that name an original which is not there: they stay as negative lines of their own month."""
    back = lines.filter((lines.qty < 0) & lines.original_key.notnull())
    there = lines.filter(lines.qty > 0).select(original_key="source_key")
    return back.anti_join(there, "original_key").select("source_key", "date").order_by("source_key")


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
        less_qty=returns.qty.sum().cast(DECIMAL), less_amount=returns.amount.sum().cast(DECIMAL)
    )
    found = (
        lines.filter(lines.qty > 0)
        .inner_join(keys, lines.source_key == keys.key)
        .select("key", "less_qty", "less_amount")
    )
    zero = ibis.literal(0).cast(DECIMAL)  # 18 digits are added as one machine word, the 38 of a sum are not
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
