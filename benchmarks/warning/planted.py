"""`python -m benchmarks.warning.planted FOLDER`: every rule over a planted set, compared with its truth.csv.

A note (blue) is no warning: notes of exact rules beyond the truth (first unregistered visits, which the set has too) are counted apart.
Prints what was found, missed and found beyond the truth, months from onset, hold-backs and false warnings per 1,000 subject-months;
recomputes each figure in pandas. Exit code 1 when an exact case is missed or invented, a plant is later than two months, a hold-back
warns, false warnings pass the goal, or a figure differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from pathlib import Path

import ibis
import pandas as pd

from benchmarks import row as figure
from benchmarks.warning.recompute import Recompute, differences
from plugins.warning.domain.evaluate import evaluate
from plugins.warning.domain.rules import load_rules

RULES = Path(__file__).parents[2] / "plugins" / "warning" / "declarations" / "rules"
CODES = {
    "RX_GT5": "D1_RX_GT5", "AB_LEVEL": "D3_AB_LEVEL", "SEX_LIMIT": "D4_SEX_LIMIT", "REPEAT_7D": "D8_REPEAT_7D", "PRICE_GAP": "E1_PRICE_GAP",
    "REP_UNREGISTERED": "E4_REP_UNREGISTERED", "TONGFANG": "E6_TONGFANG", "COST_PER_RX": "C1_COST_PER_RX", "DRUG_SHARE": "C2_DRUG_SHARE",
    "CONS_RATIO": "B4_CONS_RATIO", "AUD_JUMP": "B4_AUD_JUMP",
}  # fmt: skip
EXACT = {"RX_GT5", "AB_LEVEL", "SEX_LIMIT", "REPEAT_7D", "PRICE_GAP", "REP_UNREGISTERED", "TONGFANG"}
LATEST, FALSE_GOAL = 2, 2.0  # months; per 1,000 subject-months


def main() -> int:
    """Runs and prints; 0 when everything holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--no-recompute", action="store_true", help="leave the pandas recomputation out")
    options = parser.parse_args()
    truth = pd.read_csv(options.folder / "truth.csv")
    rules = load_rules(RULES)
    con = ibis.duckdb.connect()
    con.raw_sql("SET autoinstall_known_extensions=false; SET autoload_known_extensions=false; SET threads=2")
    found, held, subject_months, wrong, checked = [], [], defaultdict(int), [], 0
    for hospital, frames in hospitals(options.folder):
        tables = register(con, hospital, frames)
        months = sorted(pd.to_datetime(frames["prescription_lines"]["date"]).dt.strftime("%Y-%m").unique())
        started = time.process_time()
        output = evaluate(rules, con, tables, months)
        print(
            f"{hospital}: {len(frames['prescription_lines']):,} lines, {len(rules)} rules, {len(months)} months, {time.process_time() - started:.1f} s CPU"
        )
        found += [(hospital, f) for f in output.findings]
        held += [(hospital, n) for n in output.not_evaluated]
        for code, table in output.measured.items():
            subject_months[code] += len(table)
        for n in output.not_evaluated:
            if n.kind == "error":
                wrong.append(f"{hospital} {n.rule}: {n.reason}")
        if not options.no_recompute:
            wrong += differences(output.findings, Recompute(frames))
            checked += len(output.findings)
    failed = compare(truth, found, held, {r.code: r.kind for r in rules}, subject_months)
    if not options.no_recompute:
        print(f"\npandas recomputed {checked} findings, {len(wrong)} differ")
        figure(f"pandas 另算 {checked} 条预警：不同", str(len(wrong)), "0", not wrong)
    for line in wrong[:20]:
        print("  ", line)
    return 1 if failed or wrong else 0


def hospitals(folder: Path):
    """(name, tables) of a planted folder: the given layout (lines.parquet and CSV files of all hospitals) or the generator's (a folder each)."""
    if not (folder / "lines.parquet").exists():
        for root in sorted(p for p in folder.iterdir() if p.is_dir()):
            tables = {p.stem: pd.read_parquet(p) for p in sorted(root.glob("*.parquet"))}
            parts = [
                pd.read_parquet(p, partitioning=None)
                for p in sorted((root / "prescription_lines").glob("month=*/*.parquet"))
            ]
            yield root.name, tables | {"prescription_lines": pd.concat(parts, ignore_index=True)}
        return
    lines = pd.read_parquet(folder / "lines.parquet").rename(columns={"line_id": "source_key", "rx_id": "rx"})
    lines["source_key"], lines["original_key"] = lines["source_key"].astype(str), None
    lines["date"] = lines["date"].dt.date
    tables = {p.stem: pd.read_csv(p) for p in sorted(folder.glob("*.csv")) if p.stem != "truth"}
    tables["access_log"]["time"] = pd.to_datetime(tables["access_log"]["time"])
    tables["rep_visits"]["date"] = pd.to_datetime(tables["rep_visits"]["date"]).dt.date
    for hospital in sorted(lines["hospital"].unique()):
        own = {
            n: t[t["hospital"] == hospital].drop(columns="hospital") if "hospital" in t else t
            for n, t in tables.items()
        }
        yield (
            hospital,
            own | {"prescription_lines": lines[lines["hospital"] == hospital].drop(columns="hospital")},
        )


def register(con, hospital: str, frames: dict[str, pd.DataFrame]) -> dict[str, ibis.Table]:
    """The frames as tables of the connection, lines with the landed types."""
    tables = {}
    for name, frame in frames.items():
        con.con.register("incoming", frame)
        cast = "* REPLACE (qty::DECIMAL(18,5) AS qty, price::DECIMAL(18,5) AS price, amount::DECIMAL(18,5) AS amount, original_key::VARCHAR AS original_key)"
        con.raw_sql(
            f"CREATE OR REPLACE TABLE {hospital}_{name} AS SELECT {cast if name == 'prescription_lines' else '*'} FROM incoming"
        )
        con.con.unregister("incoming")
        tables[name] = con.table(f"{hospital}_{name}")
    return tables


def compare(truth, found, held, kinds, subject_months) -> bool:
    """Prints the comparison; True when something fails."""
    failed, explained, notes = False, set(), []
    print(f"\n{'plant':18}{'expected':>9}{'found':>7}{'extra':>7}  months from onset")
    for code in dict.fromkeys(truth["code"]):
        rule, rows = CODES[code], truth[(truth["code"] == code) & (truth["must"] == "fire")]
        delays, hit = [], 0
        for row in rows.itertuples():
            mine = [
                (h, f)
                for h, f in found
                if f.rule == rule
                and matches(code, str(row.entity), h, f.subject)
                and row.month_from <= f.period
            ]
            explained |= {id(f) for _, f in mine if f.period <= _plus(row.month_to, 2)}
            if mine:
                hit += 1
                delays.append(_between(row.month_from, min(f.period for _, f in mine)))
        beyond = [(h, f) for h, f in found if f.rule == rule and id(f) not in explained]
        extra = len({(h, str(f.subject)) for h, f in beyond if f.level != "blue"})
        notes += (
            [f"{h} {f.subject} {f.period}" for h, f in beyond if f.level == "blue"] if code in EXACT else []
        )
        late = code not in EXACT and any(d > LATEST for d in delays)
        bad = hit < len(rows) or (code in EXACT and extra > 0) or late
        failed |= bad
        figure(f"{code}：找到的埋设、另外的", f"{hit} / {len(rows)}、{extra}", "", not bad)
        print(
            f"{code:18}{len(rows):9}{hit:7}{extra:7}  {delays if code not in EXACT else ''}{'  ← fails' if bad else ''}"
        )
    print(
        f"blue notes of exact rules beyond the planted cases (each recomputed from its lines): {len(notes)}"
    )
    for row in truth[truth["must"] == "hold"].itertuples():
        rule = CODES[row.code]
        broken = [
            f
            for h, f in found
            if f.rule in (rule, "B1_ITEM_GROWTH")
            and row.month_from <= f.period <= row.month_to
            and matches(row.code, str(row.entity), h, f.subject)
        ]
        said = {
            n.reason
            for h, n in held
            if n.rule == rule
            and n.kind == "held"
            and n.subject
            and matches(row.code, str(row.entity), h, n.subject)
        }
        failed |= bool(broken)
        figure(f"{row.code} {row.entity}：应当不报", f"{len(broken)} 条", "0", not broken)
        print(
            f"hold back {row.code} {row.entity}: {'holds' if not broken else f'{len(broken)} warnings  ← fails'} {'；'.join(sorted(said))}"
        )
    false = defaultdict(int)
    for _, f in found:
        if id(f) not in explained and kinds[f.rule] == "statistical":
            false[f.rule] += 1
    total = sum(subject_months[c] for c, k in kinds.items() if k == "statistical")
    rate = 1000 * sum(false.values()) / max(1, total)
    print(
        f"\nfalse warnings of statistical rules: {sum(false.values())} in {total:,} subject-months = {rate:.2f} per 1,000 (goal ≤ {FALSE_GOAL:g})"
    )
    figure("统计规则的误报，每千对象月", f"{rate:.2f}", f"≤ {FALSE_GOAL:g}", rate <= FALSE_GOAL)
    for code in sorted(c for c, k in kinds.items() if k == "statistical"):
        print(f"  {code:18}{false[code]:4} in {subject_months[code]:7,}")
    others = sorted({c for c, k in kinds.items() if k == "exact" and c not in CODES.values()})
    print("exact rules without planted truth:", {c: sum(f.rule == c for _, f in found) for c in others})
    return failed or rate > FALSE_GOAL


def matches(code: str, entity: str, hospital: str, subject: dict) -> bool:
    """Whether a subject is the entity that truth.csv names (H2|骨科, DR0026|D0305, *|儿科|D0456, U17, …)."""
    parts = entity.split("|")
    have = {str(v) for v in subject.values()} | {hospital}
    if code == "DRUG_SHARE" and parts[0] == "*":
        return subject.get("item") == parts[2] and subject.get("department") in (parts[1], None)
    names = [p for p in parts if p != "*"]
    if code in ("COST_PER_RX", "REPEAT_7D"):
        return str(subject.get("doctor")) == names[0]
    if code == "DRUG_SHARE":
        return [str(subject.get("doctor")), str(subject.get("item"))] == names
    if code == "PRICE_GAP":
        return hospital == names[0] and str(subject.get("item")) == names[1]
    return all(n in have for n in names)


def _between(first: str, second: str) -> int:
    return (int(second[:4]) - int(first[:4])) * 12 + int(second[5:]) - int(first[5:])


def _plus(month: str, months: int) -> str:
    index = int(month[:4]) * 12 + int(month[5:]) - 1 + months
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


if __name__ == "__main__":
    sys.exit(main())
