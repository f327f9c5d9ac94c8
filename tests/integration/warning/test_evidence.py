"""Every rule's planted case: found, explained, its lines exactly those of the figure, each line back to its file, pandas agrees."""

import pandas as pd
import pytest

from benchmarks.warning import recompute
from core.lake import datasets
from plugins.warning.models import Finding, NotEvaluated, Warning
from tests.support.lines import ITEMS, LAST, PLANTED

UNFAIR = ("违规", "违法", "违纪", "涉嫌", "舞弊", "！", "!")


def figure(rule: str, lines: pd.DataFrame) -> float:
    """What the lines behind a finding come to: its value, or the numerator where the denominator is another table's."""
    amount, qty = lines.get("amount"), lines.get("qty")
    ddds = None if qty is None else qty * lines["item"].map(lambda code: ITEMS[code][2] or 0)
    match rule:
        case "A2_CONS_INDEX" | "B4_CONS_RATIO" | "B1_ITEM_GROWTH":
            return amount.sum()
        case "A3_AUD" | "B4_AUD_JUMP":
            return ddds.sum()
        case "A4_AB_RATE":
            used = lines["item"].map(lambda code: (ITEMS[code][3] or 0) > 0)
            return lines.assign(used=used).groupby(["patient", "date"])["used"].max().mean() * 100
        case "A5_SPECIAL_SHARE":
            return ddds[lines["item"] == "A03"].sum() / ddds.sum() * 100
        case "C1_COST_PER_RX":
            return amount.sum() / lines["rx"].nunique()
        case "C2_DRUG_SHARE" | "D14_SPLIT_RX":
            return lines["rx"].nunique()
        case "C5_CONCENTRATION":
            by = lines.groupby("item")["amount"].sum()
            return by.max() / by.sum() * 100
        case "D1_RX_GT5":
            return lines["item"].nunique()
        case "D8_REPEAT_7D":
            return len(lines) / 2  # each pair is its two lines
        case "E1_PRICE_GAP":
            return (amount.sum() / qty.sum() / 10 - 1) * 100
    return len(lines)


#: Rules whose denominator lies outside the lines: there the numerator is what the lines come to.
BY_NUMERATOR = {"A2_CONS_INDEX", "B4_CONS_RATIO", "A3_AUD", "B4_AUD_JUMP", "C2_DRUG_SHARE"}


def test_each_rule_from_its_figure_to_the_row_of_the_file(house):
    made = house.set()
    house.bring_all(made)
    row = house.run()
    assert row.rules >= 15 and row.found == Finding.objects.count()
    assert not NotEvaluated.objects.filter(code__endswith=".error").exists()
    listed = {r["key"]: r for r in house.cli("list")}
    assert len(listed) == row.found
    source_rows = {(r["source_key"]): r for r in made.tables["prescription_lines"]}
    for rule in PLANTED:
        warning = house.only(rule, **made.subject(rule))
        finding = warning.finding
        assert finding.period == LAST, rule
        _worded(warning)
        _page(house, warning)
        key = f"{rule}:{finding.subject_key}:{LAST}"
        explained = house.cli("explain", key)
        assert explained["detail"]["parameters"] is not None and explained["pins"]
        assert listed[key].items() <= explained.items()
        shown = house.all_lines("inspector", warning)
        raw = house.cli("lines", key, "--limit", "5000")
        assert raw["total"] == len(shown) == len(raw["lines"]) > 0, rule
        assert _places(shown) == sorted((r["import_id"], r["file_row"]) for r in raw["lines"])
        lines = pd.DataFrame(raw["lines"])
        if finding.evidence["dataset"] == "prescription_lines":
            origin = pd.DataFrame([source_rows[r["source_key"]] for r in raw["lines"]])
            lines = origin.assign(qty=origin["qty"].astype(float), amount=origin["amount"].astype(float))
        expected = finding.detail["numerator"] if rule in BY_NUMERATOR else finding.value
        assert figure(rule, lines) == pytest.approx(float(expected), rel=1e-8), rule
        _row_of_the_file(house, finding, shown[0])
    assert recompute.check(house.hospital) == [], "pandas finds other values"
    assert Warning.objects.values("rule_code", "subject_key").distinct().count() == Warning.objects.count()


def _places(rows):
    return sorted(tuple(int(n) for n in row["uid"].split("-")) for row in rows)


def _worded(warning: Warning) -> None:
    finding = warning.finding
    assert finding.reason.endswith("。") and "{" not in finding.reason
    assert finding.reason.startswith(warning.subject_label) or warning.subject_label in finding.reason
    assert "核实" in finding.reason, finding.reason
    if warning.rule_class in "BC":
        assert "需核实" in finding.reason
    for word in UNFAIR:
        assert word not in finding.reason + warning.title
    assert warning.subject_label.strip() and "None" not in warning.subject_label


def _page(house, warning: Warning) -> None:
    page = house.detail("inspector", warning).json()
    panels = {p["id"]: p for p in page["panels"]}
    assert {"say", "facts", "lines", "rule", "periods", "steps", "why", "seen"} <= set(panels)
    assert panels["say"]["text"] == warning.finding.reason
    chart = panels.get("chart")
    if chart:
        assert len(chart["x"]) == len(chart["series"][0]["values"]) == len(chart["table"]["rows"])
        shown = [f["value"].replace(",", "") for f in panels["facts"]["items"] if f["label"] == "界限"]
        assert [float(limit["value"]) for limit in chart["limits"]] == [float(text) for text in shown]
        assert len(shown) == (float(warning.finding.threshold or 0) != 0)


def _row_of_the_file(house, finding: Finding, row) -> None:
    answer = house.get("inspector", row["href"].removeprefix("/h/binjiang"))
    assert answer.status_code == 200, answer.content
    source = answer.json()
    assert source["row"] == int(row["uid"].split("-")[1])
    cells = {c["name"]: c["value"] for c in source["columns"]}
    labels = {c.key: c.label for c in datasets.get(finding.evidence["dataset"]).columns}
    said = {one["label"]: one["value"] for one in source["landed"]}
    for name, text in cells.items():
        landed, value = said[labels[name]], row["values"].get(name)
        if name in ("qty", "amount", "price"):
            assert float(landed) == float(text) == float(value)
        elif name in ("rx", "user", "ip", "rep", "role"):
            assert text == value == landed, name
        elif name == "doctor":
            assert text == value
        elif name == "patient":
            assert "已遮盖" in text


def test_lines_of_a_figure_with_a_return_in_a_later_month(house):
    """A return is taken off the line it names, in that line's month, so the evidence must hold the return too."""
    made = house.set([LAST])
    house.bring_all(made, ())
    (first, *_) = [r for r in made.tables["prescription_lines"] if r["rx"] == "RX-D1"]
    back = dict(first) | {"source_key": "L-back", "original_key": first["source_key"], "date": "2025-04-02", "qty": -1, "amount": f"-{first['amount']}"}  # fmt: skip
    house.bring_lines([back])
    house.run("D1_RX_GT5")
    warning = house.only("D1_RX_GT5")
    assert warning.finding.value == "6"
    keys = {r["values"]["source_key"] for r in house.all_lines("inspector", warning)}
    assert {"L-back", first["source_key"]} <= keys or not {"L-back", first["source_key"]} & keys


def test_gaps_in_a_series_are_seen_as_gaps():
    from plugins.warning.queries.panels import _without_gaps, rounded

    series = [{"month": "2024-11", "value": "1"}, {"month": "2025-02", "value": "3"}]
    assert [(p["month"], p["value"]) for p in _without_gaps(series)] == [
        ("2024-11", "1"),
        ("2024-12", None),
        ("2025-01", None),
        ("2025-02", "3"),
    ]
    assert rounded("50.94531250", 2) == "50.95" and rounded("3", 0) == "3"


def test_pandas_agrees_on_the_generated_set_with_returns(house):
    """The set of the benchmark, small: peers, returns and plants that the mini set does not have."""
    from benchmarks.warning.generate import World, generate

    made = next(generate(World(departments=3, doctors=7, months=8, lines=9_000, seed=5)))
    for name, frame in made.tables.items():
        house.bring(frame.to_csv(index=False), name)
    lines = pd.concat(made.lines.values(), ignore_index=True).drop(columns=["import_id", "file_row"])
    house.bring(lines.to_csv(index=False))
    assert house.run("C1_COST_PER_RX", "C2_DRUG_SHARE", "C5_CONCENTRATION", "D8_REPEAT_7D", "E1_PRICE_GAP", "B4_CONS_RATIO", "A3_AUD").found > 10  # fmt: skip
    assert recompute.check(house.hospital) == []
