"""A small invented set in which every rule of the warning engine fires: fifteen months, two departments, some eight thousand lines.

One background (骨科 with seven doctors, 心内科 with three) and one planted case for each rule, told in `PLANTED`. All rows are fixed:
no dice. 心内科 has too few doctors for peer rules, so a correction there moves only the subjects whose own lines it changes.
"""

import calendar
import csv
import io
from dataclasses import dataclass, field
from typing import Any

MONTHS = [f"{2024 + n // 12}-{n % 12 + 1:02d}" for n in range(15)]
LAST = MONTHS[-1]
BONE, HEART = "骨科", "心内科"

LINE = ["source_key", "rx", "date", "department", "doctor", "patient", "visit_type", "item", "kind", "supplier", "qty", "price", "amount", "original_key"]  # fmt: skip
HEADS = {
    "prescription_lines": LINE,
    "items": [
        "item",
        "name",
        "kind",
        "price",
        "ddd_per_unit",
        "antibacterial_level",
        "sex_limit",
        "supplier",
    ],
    "departments": ["department", "kind", "control_index"],
    "doctors": ["doctor", "department", "antibacterial_level"],
    "patients": ["patient", "sex", "birth_year"],
    "dept_month": ["month", "department", "medical_income", "patient_days"],
    "access_log": ["time", "user", "role", "ip", "group_by", "rows"],
    "rep_visits": ["date", "rep", "supplier", "department", "registered"],
}

#: Rule → subject (source codes) that must be found in the last month.
PLANTED: dict[str, dict[str, str]] = {
    "A2_CONS_INDEX": {"department": BONE},
    "A3_AUD": {},
    "A4_AB_RATE": {"visit_type": "O"},
    "A5_SPECIAL_SHARE": {},
    "B1_ITEM_GROWTH": {"item": "G01"},
    "B4_AUD_JUMP": {"department": HEART},
    "B4_CONS_RATIO": {"department": BONE},
    "C1_COST_PER_RX": {"doctor": "骨1"},
    "C2_DRUG_SHARE": {"doctor": "骨2", "item": "S01"},
    "C5_CONCENTRATION": {"doctor": "骨3"},
    "D14_SPLIT_RX": {"doctor": "骨6"},
    "D1_RX_GT5": {"rx": "RX-D1"},
    "D3_AB_LEVEL": {"rx": "RX-D3"},
    "D4_SEX_LIMIT": {"rx": "RX-D4"},
    "D8_REPEAT_7D": {"doctor": "骨5"},
    "E1_PRICE_GAP": {"item": "P01"},
    "E4_REP_UNREGISTERED": {"rep": "代表1"},
    "E6_TONGFANG": {"user": "cx9"},
}

PLAIN = [f"I{n:02d}" for n in range(1, 13)]
ITEMS: dict[str, tuple[str, float, Any, Any, str]] = {
    # item: kind, price, DDD per unit, antibacterial level, sex limit
    **{code: ("drug", 10.0 + n, 1, 0, "") for n, code in enumerate(PLAIN)},
    "A01": ("drug", 12.0, 1, 1, ""),
    "A03": ("drug", 30.0, 1, 3, ""),
    "F01": ("drug", 15.0, 1, 0, "F"),
    "G01": ("drug", 50.0, 1, 0, ""),
    "P01": ("drug", 10.0, 1, 0, ""),
    "S01": ("drug", 10.0, 1, 0, ""),
    "H01": ("consumable", 100.0, "", "", ""),
}


@dataclass
class Mini:
    """The tables by data set, rows as dicts. `doctors` gives real source codes in place of 骨0… and 心0…."""

    doctors: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def csv(self, dataset: str, part: slice = slice(None)) -> str:
        """A table (or some of its rows) as a CSV file's text."""
        return as_csv(dataset, self.tables[dataset][part])

    def line(self, key: str) -> dict[str, Any]:
        """A copy of the line with that key."""
        return dict(next(row for row in self.tables["prescription_lines"] if row["source_key"] == key))

    def subject(self, rule: str) -> dict[str, str]:
        """The planted subject in real source codes."""
        return {k: self.doctors.get(v, v) for k, v in PLANTED[rule].items()}

    def add(
        self, rx: str, month: str, day: int, doctor: str, patient: str, item: str, qty: float, **other: Any
    ) -> None:
        """One line of the last number; department, kind, price and amount follow unless given."""
        kind, price, *_ = ITEMS[item]
        rows = self.tables.setdefault("prescription_lines", [])
        row = {
            "source_key": f"L{len(rows) + 1:06d}",
            "rx": rx,
            "date": f"{month}-{min(day, calendar.monthrange(int(month[:4]), int(month[5:]))[1]):02d}",
            "department": BONE if doctor.startswith("骨") else HEART,
            "doctor": self.doctors.get(doctor, doctor),
            "patient": patient,
            "visit_type": "O",
            "item": item,
            "kind": kind,
            "supplier": "供应商甲",
            "qty": qty,
            "price": price,
            "original_key": "",
        } | other
        row["amount"] = f"{row['qty'] * row['price']:.2f}"
        rows.append(row)


def as_csv(dataset: str, rows: list[dict[str, Any]]) -> str:
    """Rows as a CSV file's text."""
    out = io.StringIO()
    writer = csv.DictWriter(out, HEADS[dataset], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def mini(doctors: dict[str, str] | None = None, months: list[str] = MONTHS) -> Mini:
    """The whole set; `months` may leave the first ones out, where no statistic needs them."""
    made = Mini(doctors or {})
    for month in months:
        late = MONTHS.index(month) - (len(MONTHS) - 3)  # 0, 1, 2 in the last three months
        _bone(made, month, late)
        _heart(made, month, late)
    _exact(made)
    _beside(made, months)
    return made


def _bone(made: Mini, month: str, late: int) -> None:
    for d in range(7):
        doctor = f"骨{d}"
        for j in range(32):
            rx, patient, day = f"R{month}-{d}-{j}", f"P{d}-{j}", j % 26 + 1
            qty = 2 + (j < d)
            if late >= 1 and d == 1:
                qty *= 4
            made.add(rx, month, day, doctor, patient, PLAIN[(j + d) % 12], qty)
            if j < (20 if late >= 1 and d == 2 else d % 3):
                made.add(rx, month, day, doctor, patient, "S01", 1)
            if late == 2 and d in (0, 4, 5, 6) and j >= 12:
                made.add(rx, month, day, doctor, patient, "A01", 1)
            if late >= 1 and d == 3 and j in (1, 13, 25):  # the items of these sheets are one and the same
                made.add(rx, month, day, doctor, patient, PLAIN[4], 60)
    for j in range(40):
        qty = (2.5 if late >= 0 else 1) * (1 + (j + MONTHS.index(month)) % 3 / 10)
        made.add(
            f"H{month}-{j // 5}", month, j % 28 + 1, "骨7", f"H{j}", "H01", round(qty, 2), visit_type="I"
        )


def _heart(made: Mini, month: str, late: int) -> None:
    for j in range(32):
        made.add(f"G{month}-{j}", month, j % 26 + 1, "心0", f"G{j}", "G01", 30 if late == 2 else 10)
        special = 10 if late >= 1 else 1
        made.add(f"S{month}-{j}", month, j % 26 + 1, "心1", f"S{j}", "A03", special, visit_type="I")
    for j in range(40):
        qty = (6 if late >= 0 else 2) + (j + MONTHS.index(month)) % 2
        made.add(f"A{month}-{j}", month, j % 28 + 1, "心1", f"A{j}", "A01", qty, visit_type="I")


def _exact(made: Mini) -> None:
    for n in range(7):
        made.add("RX-D1", LAST, 11, "心0", "X1", PLAIN[n], 1)
    made.add("RX-D3", LAST, 12, "骨4", "X2", "A03", 1)
    made.add("RX-D4", LAST, 13, "心0", "X3", "F01", 1, visit_type="I")
    for n in range(6):
        for day in (3, 6):
            made.add(f"RX-D8-{n}-{day}", LAST, day, "骨5", f"Y{n}", PLAIN[5], 1)
    for n in range(3):
        made.add(f"RX-D14-{n}", LAST, 10, "骨6", "X4", PLAIN[1], 25)
    made.add("RX-E1", LAST, 14, "心0", "X5", "P01", 5, price=14.0)


def _beside(made: Mini, months: list[str]) -> None:
    made.tables["items"] = [
        {"item": code, "name": f"示例品种{code}", "kind": kind, "price": price, "ddd_per_unit": ddd, "antibacterial_level": level, "sex_limit": sex, "supplier": "供应商甲"}
        for code, (kind, price, ddd, level, sex) in ITEMS.items()
    ]  # fmt: skip
    made.tables["departments"] = [
        {"department": BONE, "kind": "手术科室", "control_index": 30},
        {"department": HEART, "kind": "非手术科室", "control_index": ""},
    ]
    levels = {"骨4": 1, "心1": 3}
    made.tables["doctors"] = [
        {"doctor": made.doctors.get(d, d), "department": dept, "antibacterial_level": levels.get(d, 2)}
        for dept, names in ((BONE, [f"骨{n}" for n in range(7)]), (HEART, [f"心{n}" for n in range(3)]))
        for d in names
    ]
    seen = sorted({row["patient"] for row in made.tables["prescription_lines"]})
    made.tables["patients"] = [{"patient": p, "sex": "M", "birth_year": 1970} for p in seen]
    made.tables["dept_month"] = [
        {"month": m, "department": dept, "medical_income": income, "patient_days": days}
        for m in months
        for dept, income, days in ((BONE, 20000, 120), (HEART, 50000, 200))
    ]
    made.tables["access_log"] = [
        {"time": f"{m}-{d:02d} 10:00", "user": f"cx{d % 10}", "role": "ward", "ip": f"10.0.0.{d % 10}", "group_by": "patient", "rows": 3}
        for m in months
        for d in range(1, 29)
    ] + [{"time": f"{LAST}-26 23:{n}1", "user": "cx9", "role": "ward", "ip": "10.0.0.99", "group_by": "doctor_x_drug", "rows": 500} for n in (1, 2)]  # fmt: skip
    made.tables["rep_visits"] = [
        {"date": f"{m}-05", "rep": "代表2", "supplier": "供应商甲", "department": BONE, "registered": "是"}
        for m in months
    ] + [{"date": f"{LAST}-{d:02d}", "rep": "代表1", "supplier": "供应商甲", "department": HEART, "registered": "否"} for d in (4, 9, 16)]  # fmt: skip
