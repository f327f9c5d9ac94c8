"""Small hand-made tables for rules, and one way to run a rule over them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import ibis
import pandas as pd

from plugins.warning.domain.evaluate import evaluate
from plugins.warning.domain.results import RunOutput
from plugins.warning.domain.rules import Rule, load_rules

FOLDER = Path(__file__).parents[3] / "plugins" / "warning" / "declarations" / "rules"
RULES: dict[str, Rule] = {rule.code: rule for rule in load_rules(FOLDER)}
ITEMS = {
    # item: kind, platform price, DDD per unit, antibacterial level, sex limit
    1: ("drug", 10.0, 1.0, 0, None), 2: ("drug", 10.0, 1.0, 0, None), 3: ("drug", 10.0, 1.0, 1, None), 4: ("drug", 10.0, 0.5, 3, None),
    5: ("drug", 10.0, 1.0, 0, "F"), 6: ("drug", 10.0, 1.0, 0, "M"), 9: ("consumable", 100.0, None, None, None),
    **dict.fromkeys(range(20, 40), ("drug", 10.0, 1.0, 0, None)),
}  # fmt: skip


def line(key: str, rx: str, date: str, item: int = 1, qty: float = 1, **other: Any) -> dict[str, Any]:
    """One landed line; doctor 1, patient 2 (a man), department 内科, outpatient, price 10 unless said."""
    kind = ITEMS[item][0]
    row = {"source_key": key, "rx": rx, "date": dt.date.fromisoformat(date), "department": "内科", "doctor": 1, "patient": 2, "visit_type": "O", "item": item, "kind": kind, "supplier": "S1", "qty": qty, "price": 10.0, "original_key": None}  # fmt: skip
    row |= other
    row.setdefault("amount", round(row["qty"] * row["price"], 2))
    return row


def items() -> pd.DataFrame:
    """The catalogue of the hand-made tables."""
    rows = [(i, k, p, d, a, s) for i, (k, p, d, a, s) in ITEMS.items()]
    frame = pd.DataFrame(
        rows, columns=["item", "kind", "price", "ddd_per_unit", "antibacterial_level", "sex_limit"]
    )
    return frame.astype({"antibacterial_level": "Int64"})


def run(
    code: str | list[str],
    frames: dict[str, pd.DataFrame | list[dict]],
    months: list[str],
    params: dict | None = None,
) -> RunOutput:
    """Evaluates rules over frames on a fresh DuckDB."""
    codes = [code] if isinstance(code, str) else code
    con = ibis.duckdb.connect()
    return evaluate(
        [RULES[c] for c in codes], con, tables(con, frames), months, {codes[0]: params} if params else None
    )


def tables(con: Any, frames: dict[str, pd.DataFrame | list[dict]]) -> dict[str, ibis.Table]:
    """Frames as DuckDB tables with the landed types."""
    result = {}
    for name, frame in frames.items():
        con.con.register("incoming", pd.DataFrame(frame))
        cast = ""
        if name == "prescription_lines":
            cast = "REPLACE (qty::DECIMAL(18,5) AS qty, price::DECIMAL(18,5) AS price, amount::DECIMAL(18,5) AS amount, original_key::VARCHAR AS original_key, date::DATE AS date)"
        con.raw_sql(f"CREATE TABLE t_{name} AS SELECT * {cast} FROM incoming")
        con.con.unregister("incoming")
        result[name] = con.table(f"t_{name}")
    return result


def said(output: RunOutput) -> list[tuple]:
    """Findings in short: subject, period, level, value."""
    return [(f.subject, f.period, f.level, f.value) for f in output.findings]


def silent(output: RunOutput) -> set[str]:
    """Codes of what was not evaluated."""
    return {n.code for n in output.not_evaluated}


def months(start: str, count: int) -> list[str]:
    """`count` months from `start`."""
    first = int(start[:4]) * 12 + int(start[5:]) - 1
    return [f"{i // 12:04d}-{i % 12 + 1:02d}" for i in range(first, first + count)]
