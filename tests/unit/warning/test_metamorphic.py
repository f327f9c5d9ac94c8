"""What must not change a warning, on a small generated set; its planted truth; and every figure once more in pandas."""

import dataclasses
import functools

import ibis
import numpy as np
import pandas as pd
import pytest

from benchmarks.warning.generate import Made, World, generate
from benchmarks.warning.planted import CODES, EXACT, matches
from benchmarks.warning.recompute import Recompute, differences
from plugins.warning.domain.evaluate import evaluate
from plugins.warning.domain.results import RunOutput
from tests.unit.warning.helper import RULES, tables

WORLD = World(departments=4, doctors=8, months=14, lines=85_000, seed=11)


@functools.cache
def made() -> Made:
    return next(generate(WORLD))


def frames() -> dict[str, pd.DataFrame]:
    return {n: t.copy() for n, t in made().tables.items()} | {
        "prescription_lines": pd.concat(made().lines.values(), ignore_index=True)
    }


def evaluated(data: dict[str, pd.DataFrame]) -> RunOutput:
    con = ibis.duckdb.connect()
    return evaluate(list(RULES.values()), con, tables(con, data), list(made().lines))


@functools.cache
def plain() -> RunOutput:
    return evaluated(frames())


def as_data(output: RunOutput) -> list[dict]:
    return [dataclasses.asdict(f) for f in output.findings]


def test_planted_truth_is_found_and_exact_rules_find_nothing_else():
    output = plain()
    explained = set()
    for row in made().truth:
        mine = [
            f
            for f in output.findings
            if f.rule == CODES[row["code"]] and matches(row["code"], row["entity"], "H1", f.subject)
        ]
        if row["must"] == "hold":
            assert not [f for f in mine if f.period >= row["month_from"]], row
            continue
        assert mine, row
        explained |= {id(f) for f in mine}
    exact = {CODES[c] for c in EXACT}
    # blue is a note: each first unregistered visit; that it is in the register is recomputed below
    extra = [f for f in output.findings if f.rule in exact and f.level != "blue" and id(f) not in explained]
    assert extra == []
    assert not [n for n in output.not_evaluated if n.kind == "error"]


def test_pandas_recomputes_every_value_and_all_peers():
    assert len(plain().findings) > 30
    assert differences(plain().findings, Recompute(frames())) == []


def test_shuffled_rows():
    data = frames()
    data["prescription_lines"] = data["prescription_lines"].sample(frac=1, random_state=3)
    assert as_data(evaluated(data)) == as_data(plain())


def test_a_line_of_nothing_and_a_line_with_its_return():
    data = frames()
    lines = data["prescription_lines"]
    nothing = lines.sample(200, random_state=1).assign(
        qty=0.0,
        amount=0.0,
        original_key=None,
        source_key=lambda t: "Z" + t["source_key"],
        rx=lambda t: "Z" + t["rx"],
    )
    bought = (
        lines[lines["qty"] > 0]
        .sample(200, random_state=2)
        .assign(original_key=None, source_key=lambda t: "Y" + t["source_key"], rx=lambda t: "Y" + t["rx"])
    )
    last = pd.Timestamp(list(made().lines)[-1] + "-28")
    back = bought.assign(
        qty=-bought["qty"],
        amount=-bought["amount"],
        original_key=bought["source_key"],
        source_key="R" + bought["source_key"],
        date=last,
    )
    data["prescription_lines"] = pd.concat([lines, nothing, bought, back], ignore_index=True)
    assert _without_returns(as_data(evaluated(data))) == as_data(plain())


def _without_returns(node):
    """The same data without the lists by which evidence takes in returns of other months: they name the new lines."""
    if isinstance(node, (list, tuple)):
        kept = [_without_returns(one) for one in node if not _names_returns(one, "not")]
        return type(node)(kept)
    if not isinstance(node, dict):
        return node
    first = (node.get("args") or [None])[0]
    if node.get("op") == "and" and isinstance(first, dict) and _names_returns(first, "or"):
        inner = first["args"][0]["args"]
        return _without_returns({"op": "and", "args": [*inner, *node["args"][1:]]})
    return {key: _without_returns(value) for key, value in node.items()}


def _names_returns(node, op):
    if not isinstance(node, dict) or node.get("op") != op:
        return False
    last = node["args"][-1]
    return last.get("op") == "in" and last["args"][0].get("field") == "source_key"


def test_thirty_files(tmp_path):
    data = frames()
    con = ibis.duckdb.connect()
    ready = tables(con, data)
    con.raw_sql(
        f"COPY (SELECT *, hash(source_key) % 30 AS part FROM t_prescription_lines) TO '{tmp_path}' (FORMAT parquet, PARTITION_BY (part))"
    )
    files = sorted(str(p) for p in tmp_path.rglob("*.parquet"))
    assert len(files) == 30
    ready["prescription_lines"] = con.read_parquet(files, table_name="parts", hive_partitioning=False)
    output = evaluate(list(RULES.values()), con, ready, list(made().lines))
    assert as_data(output) == as_data(plain())


@pytest.mark.parametrize("text", [False, True])
def test_renamed_codes(text):
    rng = np.random.default_rng(5)
    data, back = frames(), {}
    for column, dimension in (("doctor", "doctors"), ("patient", "patients"), ("item", "items")):
        codes = data[dimension][column].tolist()
        fresh = (rng.permutation(len(codes)) + 10_000).tolist()
        names = {old: f"{column[0]}{new}" if text else new for old, new in zip(codes, fresh, strict=True)}
        back[column] = {new: old for old, new in names.items()}
        for table in data.values():
            if column in table:
                table[column] = table[column].map(names)
    output = evaluated(data)

    def short(found, rename):
        key = {k: (rename.get(k, {}).get(v, v)) for k, v in found.subject.items()}
        return (
            found.rule,
            found.period,
            str(sorted(key.items())),
            found.value,
            found.level,
            found.peers and (found.peers.median, found.peers.mad, found.peers.n),
        )

    assert sorted(short(f, back) for f in output.findings) == sorted(short(f, {}) for f in plain().findings)


def test_one_month_alone_gives_that_months_warnings():
    month = list(made().lines)[-1]
    con = ibis.duckdb.connect()
    output = evaluate(list(RULES.values()), con, tables(con, frames()), [month])
    key = lambda f: (f.rule, str(f.subject), f.value, f.level)  # noqa: E731
    assert sorted(map(key, output.findings)) == sorted(key(f) for f in plain().findings if f.period == month)
    assert all(len(f.series) >= 12 for f in output.findings if f.rule == "C1_COST_PER_RX")


def test_evidence_gives_exactly_the_lines():
    con = ibis.duckdb.connect()
    tables(con, frames())
    seen = set()
    for f in plain().findings:
        if f.evidence["dataset"] != "prescription_lines" or f.rule in seen:
            continue
        seen.add(f.rule)
        where = sql(f.evidence["where"])
        total, sheets, lines = con.raw_sql(
            f"SELECT sum(amount)::DOUBLE, count(DISTINCT rx), count(*) FROM t_prescription_lines WHERE qty > 0 AND {where}"
        ).fetchone()
        if f.rule in ("D3_AB_LEVEL", "D4_SEX_LIMIT"):
            assert lines == float(f.value)
        if f.rule == "C1_COST_PER_RX":
            assert (
                abs(total - float(f.numerator)) <= 0.02 * total and abs(sheets - f.n) <= 3
            )  # returns are in `qty < 0` and other months
        if f.rule == "C2_DRUG_SHARE":
            assert abs(sheets - float(f.numerator)) <= 2
        if f.rule == "D8_REPEAT_7D":
            assert lines >= float(f.value) + 1
    assert {"D3_AB_LEVEL", "D4_SEX_LIMIT", "C1_COST_PER_RX", "C2_DRUG_SHARE", "D8_REPEAT_7D"} <= seen


def sql(tree: dict) -> str:
    """The test's own reading of the filter tree."""
    if "field" in tree:
        return f'"{tree["field"]}"'
    if "value" in tree:
        value = tree["value"]
        return "(" + ", ".join(map(literal, value)) + ")" if isinstance(value, list) else literal(value)
    args = [sql(a) for a in tree["args"]]
    if tree["op"] == "not":
        return f"NOT ({args[0]})"
    if tree["op"] == "is_null":
        return f"{args[0]} IS NULL"
    if tree["op"] in ("and", "or"):
        return "(" + f" {tree['op']} ".join(args) + ")"
    return f"({args[0]} {({'eq': '=', 'ge': '>=', 'lt': '<', 'gt': '>', 'in': 'IN', 'ne': '<>', 'le': '<='})[tree['op']]} {args[1]})"


def literal(value: object) -> str:
    return "'" + value + "'" if isinstance(value, str) else str(value)
