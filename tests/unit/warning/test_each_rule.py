"""Every rule on a table small enough to reckon by hand."""

import pandas as pd
import pytest

from tests.unit.warning.helper import RULES, items, line, months, run, said, silent


def doctor_month(doctor: int, month: str, sheets: int, price: float, item: int = 1, **other):
    """So many one-line prescriptions of a doctor in a month at one price."""
    return [line(f"{doctor}-{month}-{item}-{i}", f"{doctor}-{month}-{item}-{i}", f"{month}-{i % 28 + 1:02d}", item, doctor=doctor, patient=i, price=price, **other) for i in range(sheets)]  # fmt: skip


def test_the_catalogue_has_two_of_each_class_and_all_dimensions():
    classes = [r.class_ for r in RULES.values()]
    assert len(classes) >= 15
    assert all(classes.count(c) >= 2 for c in "ABCDE")
    assert {"hospital", "department", "doctor"} <= {level for r in RULES.values() for level in r.levels}
    assert {r.kind for r in RULES.values()} == {"exact", "statistical"}


def test_a2_consumables_against_the_department_index():
    lines = [
        line("a", "r1", "2025-01-05", 9, 3, price=10.0),
        line("b", "r2", "2025-02-05", 9, 2.5, price=10.0),
    ]
    frames = {
        "prescription_lines": lines, "departments": [{"department": "内科", "control_index": 25.0}],
        "dept_month": [{"month": m, "department": "内科", "medical_income": 100.0, "patient_days": 10} for m in ("2025-01", "2025-02")],
    }  # fmt: skip
    output = run("A2_CONS_INDEX", frames, ["2025-01", "2025-02"])
    # 30 per 100 is over 25 and 1.2 × 25, but only one month; 25 reaches the index
    assert said(output) == [
        ({"department": "内科"}, "2025-01", "orange", "30"),
        ({"department": "内科"}, "2025-02", "orange", "25"),
    ]
    lines[1] |= {"qty": 3.1, "amount": 31.0}
    assert said(run("A2_CONS_INDEX", frames, ["2025-02"])) == [
        ({"department": "内科"}, "2025-02", "red", "31")
    ]
    frames["departments"] = pd.DataFrame(
        {"department": ["内科"], "control_index": pd.array([None], dtype="Float64")}
    )
    assert silent(run("A2_CONS_INDEX", frames, ["2025-02"])) == {"A2_CONS_INDEX.x.no_target"}


def test_a3_antibacterial_density_of_the_hospital():
    rows = [
        line("a", "r", "2025-01-05", 3, 45, visit_type="I"),
        line("b", "r", "2025-01-05", 4, 10, visit_type="I"),
        line("c", "q", "2025-01-05", 3, 99),
    ]
    frames = {
        "prescription_lines": rows,
        "items": items(),
        "dept_month": [
            {"month": "2025-01", "department": "内科", "medical_income": 1.0, "patient_days": 100}
        ],
    }
    output = run("A3_AUD", frames, ["2025-01"])
    assert said(output) == [
        ({}, "2025-01", "orange", "50")
    ]  # (45·1 + 10·0.5) · 100 / 100; outpatients left out
    assert output.findings[0].numerator == "50" and output.findings[0].denominator == "100"
    unknown = items()
    unknown.loc[unknown["item"] == 4, "ddd_per_unit"] = None
    assert silent(run("A3_AUD", frames | {"items": unknown}, ["2025-01"])) == {"A3_AUD.x.coverage"}


def test_a4_visits_with_an_antibacterial():
    rows = [line(f"{i}", f"r{i}", "2025-01-05", 3 if i < 25 else 1, patient=i) for i in range(100)]
    output = run("A4_AB_RATE", {"prescription_lines": rows, "items": items()}, ["2025-01"])
    assert said(output) == [({"visit_type": "O"}, "2025-01", "yellow", "25")]
    few = run("A4_AB_RATE", {"prescription_lines": rows[:50], "items": items()}, ["2025-01"])
    assert said(few) == [] and silent(few) == {"A4_AB_RATE.x.small"}


def test_a5_special_share_against_last_year():
    rows = []
    for month, special in (("2024-01", 40), ("2024-02", 40), ("2025-01", 60), ("2025-02", 60)):
        rows += [line(f"{month}s{i}", f"{month}s{i}", f"{month}-05", 4, 2) for i in range(special)]
        rows += [line(f"{month}p{i}", f"{month}p{i}", f"{month}-05", 3, 1) for i in range(160)]
    frames = {"prescription_lines": rows, "items": items()}
    # 60·2·0.5 / (60 + 160) = 27.27 %, last year 40 / 200 = 20 %: up 36 % in two months
    assert said(run("A5_SPECIAL_SHARE", frames, ["2025-01", "2025-02"])) == [
        ({}, "2025-02", "yellow", "27.2727273")
    ]
    assert said(run("A5_SPECIAL_SHARE", frames, ["2025-02"], {"target": 25})) == [
        ({}, "2025-02", "orange", "27.2727273")
    ]


def growing(amounts: dict[int, tuple[float, float, float]]):
    """Amounts of items in 2024-02, 2025-01 and 2025-02, in 40 prescriptions each."""
    rows = []
    for item, row in amounts.items():
        for month, amount in zip(("2024-02", "2025-01", "2025-02"), row, strict=True):
            rows += doctor_month(1, month, 40, amount / 40, item)
    return {"prescription_lines": rows}


def test_b1_item_growth_and_its_hold_back():
    steady = dict.fromkeys(range(20, 27), (40000.0, 40000.0, 40000.0))
    output = run("B1_ITEM_GROWTH", growing(steady | {1: (40000.0, 40000.0, 70000.0)}), ["2025-02"])
    assert said(output) == [({"item": 1}, "2025-02", "yellow", "70000")]  # +75 % on both, +30 000
    together = dict.fromkeys(range(20, 27), (40000.0, 40000.0, 64000.0))
    held = run("B1_ITEM_GROWTH", growing(together | {1: (40000.0, 40000.0, 70000.0)}), ["2025-02"])
    assert said(held) == [] and silent(held) == {"B1_ITEM_GROWTH.x.peers_move"}
    small = run("B1_ITEM_GROWTH", growing(steady | {1: (4000.0, 4000.0, 7000.0)}), ["2025-02"])
    assert said(small) == []
    young = run("B1_ITEM_GROWTH", {"prescription_lines": doctor_month(1, "2025-01", 40, 10)}, ["2025-01"])
    assert silent(young) == {"B1_ITEM_GROWTH.x.history"}


def ratios(series: dict[str, list[float]], count: int):
    """Departments whose consumables per 100 of income are the series."""
    names = months("2024-01", count)
    rows = [
        line(f"{d}{m}{i}", f"{d}{m}{i}", f"{m}-05", 9, 1, department=d, price=v)
        for d, s in series.items()
        for m, v in zip(names, s, strict=True)
        for i in range(40)
    ]
    income = [
        {"month": m, "department": d, "medical_income": 4000.0, "patient_days": 100}
        for d in series
        for m in names
    ]
    return {"prescription_lines": rows, "dept_month": income}, names


def test_b4_ratio_that_stays_up_from_the_second_month_on_and_rests_when_it_falls_back():
    calm = [20, 21, 19, 20, 21, 19, 20, 20, 21, 20, 20]
    frames, names = ratios(
        {"骨科": [20, 21, 19, 20, 21, 19, 40, 41, 40, 20, 20], **{f"科{i}": calm for i in range(6)}}, 11
    )
    output = run("B4_CONS_RATIO", frames, names)
    assert [(f.subject["department"], f.period) for f in output.findings] == [
        ("骨科", "2024-08"),
        ("骨科", "2024-09"),
    ]
    assert output.findings[0].measures["baseline"] == "20"
    assert [n.code for n in output.not_evaluated if n.period == "2024-01"] == ["B4_CONS_RATIO.x.history"]
    jump = [20, 21, 19, 20, 21, 19, 40, 41, 40, 20, 20]
    held, names = ratios({f"科{i}": jump for i in range(7)}, 11)
    output = run("B4_CONS_RATIO", held, names)
    assert said(output) == [] and "B4_CONS_RATIO.x.peers_move" in silent(output)


def test_b4_antibacterial_density():
    names = months("2024-01", 9)
    use = [30, 33, 27, 30, 33, 27, 90, 96, 93]
    rows = [line(f"{d}{m}{i}", f"{d}{m}{i}", f"{m}-05", 3, (v if d == "ICU" else 30) / 30, department=d, visit_type="I") for d in ("ICU", *(f"科{i}" for i in range(6))) for m, v in zip(names, use, strict=True) for i in range(30)]  # fmt: skip
    days = [
        {"month": m, "department": d, "medical_income": 1.0, "patient_days": 100}
        for d in ("ICU", *(f"科{i}" for i in range(6)))
        for m in names
    ]
    output = run("B4_AUD_JUMP", {"prescription_lines": rows, "items": items(), "dept_month": days}, names)
    assert [(f.subject, f.period, f.level) for f in output.findings] == [
        ({"department": "ICU"}, m, "orange") for m in ("2024-08", "2024-09")
    ]
    assert output.findings[0].value == "96" and output.findings[0].evidence["dataset"] == "prescription_lines"


def test_c1_cost_leaves_the_subject_out_and_needs_two_months_thirty_sheets_and_five_peers():
    peers = {d: 10.0 + d for d in range(2, 8)}  # 12 … 17, median 14.5, MAD 1.5
    rows = [r for m in ("2025-01", "2025-02") for d, p in peers.items() for r in doctor_month(d, m, 30, p)]
    own = [r for m in ("2025-01", "2025-02") for r in doctor_month(1, m, 30, 50.0)]
    output = run("C1_COST_PER_RX", {"prescription_lines": rows + own}, ["2025-01", "2025-02"])
    (found,) = output.findings
    assert (found.subject, found.period, found.level, found.value, found.n) == (
        {"department": "内科", "doctor": 1},
        "2025-02",
        "orange",
        "50",
        30,
    )
    assert (found.peers.n, found.peers.median, found.peers.mad, found.peers.p10, found.peers.p90) == (
        6,
        "14.5",
        "1.5",
        "12.5",
        "16.5",
    )
    assert found.measures["z"] == "15.9631667"  # 0.6745 · (50 − 14.5) / 1.5
    assert [v["value"] for v in found.peers.values] == ["17", "16", "15", "14", "13", "12"]
    assert "{subject}" in found.reason and "需核实" in found.reason
    few = [r for m in ("2025-01", "2025-02") for r in doctor_month(1, m, 4, 500.0)]
    held = run("C1_COST_PER_RX", {"prescription_lines": rows + few}, ["2025-01", "2025-02"])
    assert said(held) == []
    assert [(n.code, n.kind, n.subject, n.period) for n in held.not_evaluated if n.subject] == [("C1_COST_PER_RX.x.small", "held", {"department": "内科", "doctor": 1}, "2025-02")]  # fmt: skip
    lonely = [r for r in rows + own if r["doctor"] <= 5]
    assert silent(run("C1_COST_PER_RX", {"prescription_lines": lonely}, ["2025-02"])) == {
        "C1_COST_PER_RX.x.few_peers"
    }


def shares(own: int):
    """Doctor 1 with item 2 on `own` of 40 prescriptions; six peers with it on 2, 3, 4, 2, 3 and none of 40; two months."""
    rows = []
    for month in ("2025-01", "2025-02"):
        for doctor, with_item in {1: own, 2: 2, 3: 3, 4: 4, 5: 2, 6: 3, 7: 0}.items():
            rows += doctor_month(doctor, month, with_item, 10.0, 2) + doctor_month(
                doctor, month, 40 - with_item, 10.0, 1
            )
    return {"prescription_lines": rows, "items": items()}


def test_c2_share_of_one_drug_counts_peers_without_it_as_zero():
    (found,) = run("C2_DRUG_SHARE", shares(20), ["2025-02"]).findings
    assert (found.subject, found.value, found.level) == (
        {"department": "内科", "doctor": 1, "item": 2},
        "50",
        "orange",
    )
    assert [v["value"] for v in found.peers.values] == ["10", "7.5", "7.5", "5", "5", "0"]
    assert said(run("C2_DRUG_SHARE", shares(14), ["2025-02"])) == []
    classes = items().assign(atc=lambda t: t["item"].map(lambda i: "J01CA04" if i == 2 else "A02BC01"))
    # within its class every prescription of each doctor has the drug: 100 % everywhere, nothing stands out
    assert said(run("C2_DRUG_SHARE", shares(20) | {"items": classes}, ["2025-02"])) == []


def test_c5_concentration_beyond_peers():
    rows = []
    for month in ("2025-01", "2025-02"):
        for doctor in range(1, 8):
            for item in range(20, 32):
                price = 100.0 if doctor == 1 and item == 20 else 10.0 + (item == 20) * doctor
                rows += doctor_month(doctor, month, 3, price, item)
    (found,) = run("C5_CONCENTRATION", {"prescription_lines": rows}, ["2025-02"]).findings
    assert found.subject == {"department": "内科", "doctor": 1}
    assert found.value == "47.6190476"  # 300 / 630
    assert found.measures["hhi"] == "2517.00680"[:-1]  # 10000 · (100² + 11·10²) / 210²


@pytest.mark.parametrize(
    ("count", "visit", "expected"), [(5, "O", []), (6, "O", ["6"]), (6, "I", []), (7, "E", ["7"])]
)
def test_d1_more_than_five_drugs(count, visit, expected):
    rows = [line(f"{i}", "rx", "2025-01-05", 20 + i, visit_type=visit) for i in range(count)]
    rows.append(line("same", "rx", "2025-01-05", 20, visit_type=visit))  # the same drug twice is one drug
    rows.append(line("thing", "rx", "2025-01-05", 9, visit_type=visit))
    output = run("D1_RX_GT5", {"prescription_lines": rows}, ["2025-01"])
    assert [f.value for f in output.findings] == expected
    returned = line("back", "rx", "2025-01-09", 21, -1, original_key="1", visit_type=visit)
    after = run("D1_RX_GT5", {"prescription_lines": [*rows, returned]}, ["2025-01"])
    assert [f.value for f in after.findings] == [str(int(v) - 1) for v in expected if int(v) - 1 > 5]


def test_d3_level_above_the_doctors_own():
    rows = [
        line("a", "r1", "2025-01-05", 4),
        line("b", "r2", "2025-01-05", 3),
        line("c", "r3", "2025-01-05", 4, doctor=9),
        line("d", "r4", "2025-01-05", 4, doctor=8),
    ]
    frames = {
        "prescription_lines": rows,
        "items": items(),
        "doctors": [{"doctor": 1, "antibacterial_level": 1}, {"doctor": 9, "antibacterial_level": 3}],
    }
    output = run("D3_AB_LEVEL", frames, ["2025-01"])
    assert [(f.subject["rx"], f.level) for f in output.findings] == [("r1", "orange")]
    assert {"op": "in", "args": [{"field": "source_key"}, {"value": ["a"]}]} in output.findings[0].evidence[
        "where"
    ]["args"]
    doubled = frames | {
        "doctors": [{"doctor": 1, "antibacterial_level": 1}, {"doctor": 1, "antibacterial_level": 3}]
    }
    assert "重复" in run("D3_AB_LEVEL", doubled, ["2025-01"]).not_evaluated[0].reason


def test_d4_sex_limit():
    people = [{"patient": 1, "sex": "F"}, {"patient": 2, "sex": "M"}, {"patient": 3, "sex": None}]
    rows = [line(f"{p}{i}", f"r{p}{i}", "2025-01-05", i, patient=p) for p in (1, 2, 3) for i in (1, 5, 6)]
    output = run(
        "D4_SEX_LIMIT", {"prescription_lines": rows, "items": items(), "patients": people}, ["2025-01"]
    )
    assert [f.subject["rx"] for f in output.findings] == ["r16", "r25"]


def repeated(gaps: list[int]):
    rows = []
    for patient, gap in enumerate(gaps):
        rows += [
            line(f"{patient}{n}", f"{patient}{n}", f"2025-01-{1 + n * gap:02d}", patient=patient)
            for n in (0, 1)
        ]
    return {"prescription_lines": rows}


def test_d8_repeats_within_seven_days_from_five_a_month():
    (found,) = run("D8_REPEAT_7D", repeated([7, 7, 3, 1, 5]), ["2025-01"]).findings
    assert (found.subject, found.value, found.n) == ({"department": "内科", "doctor": 1}, "5", 10)
    assert said(run("D8_REPEAT_7D", repeated([7, 7, 3, 1, 8]), ["2025-01"])) == []
    pairs = found.evidence["where"]["args"][-1]["args"]
    assert {"op": "in", "args": [{"field": "date"}, {"value": ["2025-01-01", "2025-01-08"]}]} in pairs[0][
        "args"
    ]
    across = repeated([7] * 5)
    for row in across["prescription_lines"]:
        row["date"] = (
            row["date"].replace(day=28) if row["date"].day == 1 else row["date"].replace(month=2, day=3)
        )
    assert [f.period for f in run("D8_REPEAT_7D", across, ["2025-02"]).findings] == [
        "2025-02"
    ]  # looks back into January


def test_d8_counts_what_is_left_of_the_last_supply_where_the_data_tell():
    data = repeated([10] * 5)
    for row in data["prescription_lines"]:
        row["days_supplied"] = 14
    (found,) = run("D8_REPEAT_7D", data, ["2025-01"]).findings
    assert found.value == "5" and "在 7 日内或上次余药多于 20% 时" in found.reason
    for row in data["prescription_lines"]:  # 12 days of supply, 10 gone: a sixth is left
        row["days_supplied"] = 12
    assert said(run("D8_REPEAT_7D", data, ["2025-01"])) == []
    for row in data["prescription_lines"]:
        row["days_supplied"] = None
    empty = repeated([7] * 5)
    for row in empty["prescription_lines"]:
        row["days_supplied"] = None
    (found,) = run("D8_REPEAT_7D", empty, ["2025-01"]).findings
    assert "次在 7 日内给同一患者" in found.reason
    across = repeated([0] * 5)
    for n, row in enumerate(
        across["prescription_lines"]
    ):  # 60 days in December, bought again in late January
        row["date"] = row["date"].replace(year=2024, month=12) if n % 2 == 0 else row["date"].replace(day=10)
        row["days_supplied"] = 60
    (found,) = run("D8_REPEAT_7D", across, ["2025-01"]).findings
    assert found.value == "5"
    assert found.evidence["where"]["args"][0]["args"][1] == {"value": "2024-10-01"}, "92 days back"


def test_d14_split_prescriptions():
    rows = [
        line(f"{i}", f"r{i}", "2025-01-05", qty=20) for i in range(3)
    ]  # three of 200 on one day: 600 in all
    output = run("D14_SPLIT_RX", {"prescription_lines": rows}, ["2025-01"])
    assert said(output) == [
        ({"department": "内科", "doctor": 1, "patient": 2, "date": "2025-01-05"}, "2025-01", "yellow", "3")
    ]
    assert said(run("D14_SPLIT_RX", {"prescription_lines": rows[:2]}, ["2025-01"])) == []
    assert said(run("D14_SPLIT_RX", {"prescription_lines": rows}, ["2025-01"], {"cap": 150})) == []


def test_e1_price_over_the_platform():
    rows = [
        line("a", "r1", "2025-01-05", 1, 2, price=12.0),
        line("b", "r2", "2025-01-06", 1, 2, price=11.0),
        line("c", "r3", "2025-01-06", 2, 2, price=11.0),
    ]
    output = run("E1_PRICE_GAP", {"prescription_lines": rows, "items": items()}, ["2025-01"])
    assert said(output) == [
        ({"item": 1}, "2025-01", "yellow", "15")
    ]  # 46 / 4 = 11.5 against 10; item 2 is exactly 10 % over, not more
    assert said(run("E1_PRICE_GAP", {"prescription_lines": rows, "items": items()}, ["2025-01"], {"gap": 4})) == [
        ({"item": 1}, "2025-01", "orange", "15"), ({"item": 2}, "2025-01", "yellow", "10")
    ]  # fmt: skip


def test_e4_unregistered_visits_in_three_months():
    def visits(*days):
        return {
            "rep_visits": pd.DataFrame(
                {
                    "date": pd.to_datetime(days).date,
                    "rep": "R1",
                    "supplier": "S1",
                    "department": "内科",
                    "registered": False,
                }
            )
        }

    output = run(
        "E4_REP_UNREGISTERED", visits("2025-01-05", "2025-02-05", "2025-03-05"), months("2025-01", 4)
    )
    rep = {"rep": "R1"}
    assert said(output) == [
        (rep, "2025-01", "blue", "1"),
        (rep, "2025-02", "orange", "2"),
        (rep, "2025-03", "red", "3"),
    ]
    apart = run("E4_REP_UNREGISTERED", visits("2025-01-05", "2025-04-05"), months("2025-01", 4))
    assert said(apart) == [(rep, "2025-01", "blue", "1"), (rep, "2025-04", "blue", "1")]


def test_e6_queries_by_doctor_and_drug():
    usual = [{"time": pd.Timestamp(f"2025-01-{d:02d} 10:00"), "user": u, "role": r, "ip": ip, "group_by": "patient", "rows": 9} for d in range(1, 11) for u, r, ip in (("U1", "ward", "a"), ("U2", "pharmacy", "b"))]  # fmt: skip

    def event(user, role, ip, hour, rows, group="doctor_x_drug"):
        return {
            "time": pd.Timestamp(f"2025-01-20 {hour:02d}:00"),
            "user": user,
            "role": role,
            "ip": ip,
            "group_by": group,
            "rows": rows,
        }

    plain = [event("U2", "pharmacy", "b", 10, 50), event("U1", "ward", "x", 23, 5000, "patient")]
    assert said(run("E6_TONGFANG", {"access_log": usual + plain}, ["2025-01"])) == []
    for odd in (
        event("U2", "pharmacy", "b", 22, 50),
        event("U2", "pharmacy", "x", 10, 50),
        event("U2", "pharmacy", "b", 10, 100),
        event("U2", "ward", "b", 10, 50),
    ):
        assert [
            (f.subject, f.level)
            for f in run("E6_TONGFANG", {"access_log": [*usual, odd]}, ["2025-01"]).findings
        ] == [({"user": "U2"}, "orange")]
    worst = run("E6_TONGFANG", {"access_log": [*usual, event("U1", "ward", "x", 23, 4800)]}, ["2025-01"])
    assert said(worst) == [({"user": "U1"}, "2025-01", "red", "1")]
