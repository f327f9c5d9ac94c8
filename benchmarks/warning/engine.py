"""`python -m benchmarks.warning.engine --lines 20000000`: CPU of each rule's expression beside hand-written DuckDB SQL, answers equal.

CPU seconds of the process (all DuckDB threads); runs interleaved, medians. Goals: each ratio ≤ 1.15, median ≤ 1.05. The engine keeps a rule's
compiled SQL (`compiled.py`), so the ratio is of a run after the first; "first" is the ratio with compilation, as once per rule, months and process.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import ibis
import numpy as np
import pandas as pd

from benchmarks import row
from benchmarks.warning.generate import World, month_names, write
from benchmarks.warning.handwritten import SETUP, SQL
from plugins.warning.domain.compile import span
from plugins.warning.domain.compiled import forget, measure_sql
from plugins.warning.domain.prepare import prepare
from plugins.warning.domain.rules import load_rules

RULES = Path(__file__).parents[2] / "plugins" / "warning" / "declarations" / "rules"
EACH, MEDIAN = 1.15, 1.05
MONTHS = 18
QUICK, QUICK_REPEATS = 0.02, 201  # seconds, turns


def main() -> int:
    """Runs and prints; 0 when both goals hold and all answers are equal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--data", type=Path, help="keep and reuse the generated set here")
    parser.add_argument("--rules", default="", help="only rules whose code starts so")
    options = parser.parse_args()
    folder = options.data or Path(tempfile.mkdtemp(prefix="qinglian-bench-"))
    try:
        if not (folder / "truth.csv").exists():
            started = time.time()
            write(
                World(
                    departments=24,
                    doctors=25,
                    months=MONTHS,
                    lines=options.lines,
                    logs=max(1, options.lines // 100_000),
                ),
                folder,
            )
            print(f"generated in {time.time() - started:.0f} s")
        return measure(folder / "H1", options.repeats, options.rules)
    finally:
        if not options.data:
            shutil.rmtree(folder, ignore_errors=True)


def measure(root: Path, repeats: int, only: str) -> int:
    """The table of one hospital's folder."""
    con = ibis.duckdb.connect(threads=2, memory_limit="3GB", temp_directory=str(root / "spill"))
    files = sorted(str(p) for p in root.glob("prescription_lines/month=*/*.parquet"))
    tables = {"prescription_lines": con.read_parquet(files, table_name="raw_lines", hive_partitioning=False)}
    for path in sorted(root.glob("*.parquet")):
        tables[path.stem] = con.create_table(
            path.stem, con.read_parquet(str(path), table_name=f"file_{path.stem}"), overwrite=True
        )
    con.raw_sql("CREATE OR REPLACE TABLE departments AS SELECT *, 30.0 AS control_index FROM departments")
    tables["departments"] = con.table("departments")
    print(f"{tables['prescription_lines'].count().execute():,} lines, {len(files)} files")
    con.con.execute(SETUP)
    warnings.filterwarnings(
        "ignore", message="Arrow output on a DB-API result"
    )  # the copy is of a small answer
    ready = prepare(con, tables)
    months = month_names("2024-01", MONTHS)
    ratios, wrong = {}, []
    print(
        f"\n{'rule':22}{'hand CPU ms':>12}{'engine CPU ms':>14}{'ratio':>7}{'compile ms':>11}{'first':>7}  answers"
    )
    for rule in load_rules(RULES):
        if not rule.code.startswith(only):
            continue
        start, end = span(rule, months)
        hand = SQL[rule.code].format(s=start, e=end)
        costs: dict[str, list[float]] = {"hand": [], "engine": [], "compile": []}
        for _ in range(3):
            forget()
            before = time.process_time()
            measure_sql(rule, con, ready, months)
            costs["compile"].append(time.process_time() - before)
        turns = repeats
        turn = -1
        while (turn := turn + 1) <= turns:  # the first pair warms the page cache and is not counted
            for who in ("hand", "engine") if turn % 2 else ("engine", "hand"):
                before = time.process_time()
                text = hand if who == "hand" else measure_sql(rule, con, ready, months)
                answer = con.con.execute(text).to_arrow_reader().read_all()
                if turn:
                    costs[who].append(time.process_time() - before)
                    if turn == 1 and costs[who][0] < QUICK:
                        turns = QUICK_REPEATS  # a clock tick is a large part of a few milliseconds
                elif who == "hand":
                    right = answer.to_pandas()
                else:
                    left = answer.to_pandas()
        equal = same(left, right)
        wrong += [] if equal else [rule.code]
        median = {k: statistics.median(v) for k, v in costs.items()}
        ratios[rule.code] = median["engine"] / median["hand"]
        first = (median["engine"] + median["compile"]) / median["hand"]
        print(
            f"{rule.code:22}{median['hand'] * 1000:12,.1f}{median['engine'] * 1000:14,.1f}{ratios[rule.code]:7.2f}{median['compile'] * 1000:11.1f}{first:7.2f}"
            f"  {len(left):,} {'equal' if equal else 'DIFFER'}",
            flush=True,
        )
        row(
            f"{rule.code}：引擎 ÷ 手写",
            f"{ratios[rule.code]:.3f}",
            f"≤ {EACH}",
            ratios[rule.code] <= EACH and equal,
        )
    worst, middle = max(ratios.values()), statistics.median(ratios.values())
    row("各规则的中位数", f"{middle:.3f}", f"≤ {MEDIAN}", middle <= MEDIAN)
    row("结果与手写 SQL 不同的规则", str(len(wrong)), "0", not wrong)
    print(
        f"\nworst ratio {worst:.2f} (goal ≤ {EACH}), median {middle:.2f} (goal ≤ {MEDIAN}); answers {'equal' if not wrong else 'differ: ' + ', '.join(wrong)}"
    )
    return 0 if worst <= EACH and middle <= MEDIAN and not wrong else 1


def same(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    """The same rows, numbers to nine significant digits."""
    if sorted(left.columns) != sorted(right.columns) or len(left) != len(right):
        return False
    columns = sorted(left.columns)
    tables = []
    for table in (left, right):
        table = table[columns].copy()
        for c in columns:
            if c in ("date", "period"):
                table[c] = pd.to_datetime(table[c]).dt.strftime("%Y-%m-%d")
            elif (
                table[c].dtype == object
                and not isinstance(table[c].dropna().iloc[0] if table[c].notna().any() else "", str)
            ) or table[c].dtype.kind in "fiu":
                table[c] = [float(f"{float(v):.9g}") if not pd.isna(v) else np.nan for v in table[c]]
            else:
                table[c] = table[c].astype(str)
        tables.append(table.sort_values(columns, kind="stable").reset_index(drop=True))
    return tables[0].equals(tables[1])


if __name__ == "__main__":
    sys.exit(main())
