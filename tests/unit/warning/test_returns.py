"""A line and its return in one month: warnings stay as they were, and the lines shown add up to the value."""

import ibis
import pytest

from plugins.warning.domain.evaluate import evaluate
from tests.unit.warning.helper import RULES, items, line, tables
from tests.unit.warning.test_metamorphic import sql

MONTH = ["2025-01"]


def back(original: dict, date: str, qty: float | None = None, **other) -> dict:
    """The return of a line, all of it unless said."""
    wanted = original["qty"] if qty is None else qty
    return line(
        "R" + original["source_key"],
        original["rx"],
        date,
        original["item"],
        -wanted,
        original_key=original["source_key"],
        amount=-wanted * original["price"],
        **other,
    )


def dear() -> list[dict]:
    """Ten lines at 12 yuan where the platform asks 10."""
    return [
        line(f"a{n}", f"r{n}", f"2025-01-{1 + n:02d}", 1, 10, price=12.0, amount=120.0) for n in range(10)
    ]


def shown(code: str, rows: list[dict]) -> list[tuple]:
    """Per finding: subject, value and what its lines add up to."""
    con = ibis.duckdb.connect()
    data = {
        "prescription_lines": rows,
        "items": items(),
        "doctors": [{"doctor": 1, "antibacterial_level": 1}],
    }
    output = evaluate([RULES[code]], con, tables(con, data), MONTH)
    found = []
    for f in output.findings:
        where = f"FROM t_prescription_lines WHERE {sql(f.evidence['where'])}"
        total, bought = con.raw_sql(f"SELECT sum(amount)::DOUBLE, sum(qty)::DOUBLE {where}").fetchone()
        keys = [k for (k,) in con.raw_sql(f"SELECT source_key {where} ORDER BY 1").fetchall()]
        found.append((str(f.subject), f.value, f.measures.get("paid"), total, bought, keys))
    return found


def test_a_full_return_of_the_same_month_changes_neither_value_nor_sum():
    plain = shown("E1_PRICE_GAP", dear())
    extra = line("x", "rx", "2025-01-20", 1, 50, price=30.0, amount=1500.0)
    with_both = shown("E1_PRICE_GAP", [*dear(), extra, back(extra, "2025-01-22")])
    assert [f[:5] for f in with_both] == [f[:5] for f in plain] and plain[0][1] == "20"
    assert {"x", "Rx"} <= set(with_both[0][5]), "the line is shown together with its return"


def test_part_of_a_line_returned_and_a_return_without_original():
    first, *rest = dear()
    lost = line("lost", "r0", "2025-01-25", 1, -3, original_key="nowhere", price=12.0, amount=-36.0)
    ((_, _, paid, total, _, keys),) = shown(
        "E1_PRICE_GAP", [first, *rest, back(first, "2025-01-30", 4), lost]
    )
    assert float(paid) == total == 1200 - 48
    assert "Ra0" in keys and "lost" not in keys


@pytest.mark.parametrize(("date", "other"), [("2025-02-03", {}), ("2025-01-09", {"doctor": 7, "rx": "back"})])
def test_a_return_elsewhere_follows_its_original(date, other):
    """In another month, or booked on another doctor's sheet: still taken off the line it returns."""
    first, *rest = dear()
    given = back(first, date, 4) | other
    ((_, _, paid, total, _, keys),) = shown("E1_PRICE_GAP", [first, *rest, given])
    assert float(paid) == total == 1200 - 48 and "Ra0" in keys


def test_keys_show_the_return_of_their_line_and_no_other():
    strong = line("s", "r1", "2025-01-05", 4, 10, amount=100.0)
    weak = line("w", "r1", "2025-01-05", 1, 10, amount=100.0)
    full = line("f", "r1", "2025-01-05", 4, 10, amount=100.0)
    rows = [
        strong,
        weak,
        full,
        back(strong, "2025-01-06", 4),
        back(weak, "2025-02-01"),
        back(full, "2025-01-06"),
    ]
    ((_, value, _, total, _, keys),) = shown("D3_AB_LEVEL", rows)
    assert (value, total, keys) == ("1", 60.0, ["Rs", "s"])
