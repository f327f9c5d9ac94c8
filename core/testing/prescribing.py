"""Eighteen months of prescription lines and the tables beside them, for one invented hospital; all from one seed.

The quiet background holds no hit of an exact rule: at most five drugs on a prescription, no antibacterial above the
doctor's level, no item for the other sex, no patient again within seven days. What breaks this is planted (stories.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from core.testing import plants
from core.testing.catalogue import CONTROL, DENSITY, PROFILE, USUAL, Catalogue, formulary, make_catalogue
from core.testing.stories import FIRST, PLAN, Plan, Story, month_start, month_text

MONTHS = 18
MONTHLY = 42  # prescriptions of a doctor in a month, on average
#: Data set → name of its file, in the order of import: directories first.
DATASETS = {
    "items": "药品耗材目录.csv",
    "departments": "科室目录.csv",
    "doctors": "医师目录.csv",
    "patients": "患者目录.csv",
    "prescription_lines": "处方明细.parquet",
    "dept_month": "科室月度经营.csv",
    "access_log": "系统查询日志.csv",
    "rep_visits": "代表接待.csv",
}


@dataclass
class Prescribing:
    """Generated tables by data set, and the stories in them."""

    tables: dict[str, pd.DataFrame]
    stories: list[Story]
    files: dict[str, Path] = field(default_factory=dict)

    def save(self, folder: Path) -> dict[str, Path]:
        """Write each table into `folder`: lines as Parquet, the others as CSV in UTF-8."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name, file in DATASETS.items():
            self.files[name] = folder / file
            if file.endswith(".parquet"):
                pyarrow.parquet.write_table(
                    _decimals(self.tables[name]), self.files[name], compression="zstd"
                )
            else:
                self.tables[name].to_csv(self.files[name], index=False, encoding="utf-8", lineterminator="\n")
        return self.files


@dataclass(frozen=True)
class Clinic:
    """A department that writes lines: peer group, campus name, codes of its doctors (a newcomer last)."""

    peers: str
    campus: str
    doctors: tuple[str, ...]


def generate(
    clinics: Mapping[str, Clinic],
    *,
    seed: int = 2024,
    monthly: int = MONTHLY,
    months: int = MONTHS,
    plan: Plan = PLAN,
    with_stories: bool = True,
) -> Prescribing:
    """All tables. The same arguments give the same rows."""
    dice = np.random.default_rng(seed)
    catalogue = make_catalogue(dice)
    staff = _doctors(clinics, dice)
    people = _patients(dice, clinics, monthly * months)
    parts = [
        _department(name, clinic, catalogue, staff, dice, monthly, months, plan if with_stories else None)
        for name, clinic in clinics.items()
    ]
    heads, picks = _joined(parts)
    _give_patients(heads, people, dice)
    stories: list[Story] = []
    base = _usual_spend(heads, picks, catalogue, months)
    if with_stories:
        picks, heads, stories = plants.plant(heads, picks, catalogue, staff, people, dice, plan, months)
    heads = _numbered(heads)
    stories = [
        replace(s, entity=heads.number[heads.rx == int(s.entity)].iloc[0]) if s.level == "prescription" else s
        for s in stories
    ]
    lines = _lines(heads, picks, catalogue, clinics, dice, plan if with_stories else None)
    tables = {
        "items": _items(catalogue),
        "departments": pd.DataFrame(
            [(n, c.peers, c.campus, CONTROL[c.peers]) for n, c in clinics.items()],
            columns=["department", "kind", "campus", "control_index"],
        ),
        "doctors": staff,
        "patients": people.drop(columns="pool"),
        "prescription_lines": lines,
        "dept_month": _dept_month(clinics, base, dice, months),
        "access_log": _access_log(dice, months, plan if with_stories else None),
        "rep_visits": _rep_visits(clinics, catalogue, dice, months, stories, plan),
    }
    return Prescribing(tables, stories)


def _joined(parts: list[tuple[pd.DataFrame, pd.DataFrame]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All departments' rows in two tables, prescriptions numbered through."""
    start = 0
    for head, pick in parts:
        head["rx"] += start
        pick["rx"] += start
        start += len(head)
    heads = pd.concat([head for head, _ in parts], ignore_index=True)
    return heads, pd.concat([pick for _, pick in parts], ignore_index=True)


def _doctors(clinics: Mapping[str, Clinic], dice: np.random.Generator) -> pd.DataFrame:
    rows = []
    for name, clinic in clinics.items():
        for n, code in enumerate(clinic.doctors):
            level = 3 if clinic.peers == "重症" or n == 0 else int(dice.choice([1, 2], p=[0.55, 0.45]))
            rows.append((code, name, level))
    return pd.DataFrame(rows, columns=["doctor", "department", "antibacterial_level"])


def _patients(dice: np.random.Generator, clinics: Mapping[str, Clinic], each: int) -> pd.DataFrame:
    """Three pools, so that nobody comes back within a fortnight by chance: children, women of 妇产科, all others."""
    doctors = sum(len(c.doctors) for c in clinics.values())
    size = max(300, doctors * each // 9)
    pools = [("child", size // 5), ("woman", size // 7), ("other", size)]
    frames = []
    for pool, count in pools:
        sex = np.full(count, "F") if pool == "woman" else dice.choice(["M", "F"], count)
        years = {"child": (2010, 2024), "woman": (1975, 2004), "other": (1935, 2006)}[pool]
        frames.append(pd.DataFrame({"sex": sex, "birth_year": dice.integers(*years, count), "pool": pool}))
    people = pd.concat(frames, ignore_index=True)
    people.insert(0, "patient", [f"BR{n:06d}" for n in range(1, len(people) + 1)])
    return people


def _department(
    name: str,
    clinic: Clinic,
    catalogue: Catalogue,
    staff: pd.DataFrame,
    dice: np.random.Generator,
    monthly: int,
    months: int,
    plan: Plan | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Prescriptions (without patients) and their picks of one department."""
    items, common = formulary(catalogue, clinic.peers, name == "妇产科", dice)
    _, _, visits = PROFILE[clinic.peers]
    levels = staff.set_index("doctor").antibacterial_level
    heads: list[pd.DataFrame] = []
    picks: list[pd.DataFrame] = []
    for n, doctor in enumerate(clinic.doctors):
        newcomer = plan is not None and name == plan.newcomer_department and n == len(clinic.doctors) - 1
        rate = np.full(months, float(monthly))
        if newcomer:
            rate = np.where(np.arange(months) >= plan.newcomer_from, plan.newcomer_monthly, 0)  # type: ignore[union-attr]
            per_month = rate.astype(int)
        else:
            per_month = dice.poisson(rate * dice.uniform(0.95, 1.1))
        month = np.repeat(np.arange(months), per_month)
        own = common * dice.lognormal(0, 0.08, len(items))
        own = np.where(catalogue.level[items] > levels[doctor], 0, own)
        weights = np.tile(own / own.sum(), (months, 1))
        if plan is not None:
            _tell(weights, name, clinic, n, items, catalogue, plan, months)
        size = dice.choice([1, 2, 3, 4, 5], len(month), p=[0.28, 0.36, 0.23, 0.10, 0.03])
        rows, chosen = _pick(weights[month], size, dice)
        drug = catalogue.drug[items[chosen]]
        qty = np.where(drug, 1 + dice.poisson(2.4, len(chosen)), 1 + dice.poisson(0.5, len(chosen)))
        if newcomer:
            qty = qty * 6
        head = pd.DataFrame(
            {
                "department": name,
                "doctor": doctor,
                "month": month,
                "day": _days(month, dice),
                "visit_type": dice.choice(["O", "E", "I"], len(month), p=visits),
                "quiet": not newcomer,
            }
        )
        start = sum(len(one) for one in heads)
        heads.append(head)
        picks.append(pd.DataFrame({"rx": start + rows, "item": items[chosen], "qty": qty}))
    head, pick = pd.concat(heads, ignore_index=True), pd.concat(picks, ignore_index=True)
    head["rx"] = np.arange(len(head))
    return head, pick


def _tell(
    weights: np.ndarray,
    name: str,
    clinic: Clinic,
    n: int,
    items: np.ndarray,
    catalogue: Catalogue,
    plan: Plan,
    months: int,
) -> None:
    """Change the weights where a story changes what is chosen."""
    if name == plan.icu:
        weights[plan.antibacterials_from :, catalogue.level[items] > 0] *= 1.7
    if (name, n) == (plan.share_department, plan.share_doctor):
        weights[plan.share_from :, share_column(items, catalogue)] = 0.28
    if clinic.peers == plan.season_group:
        winter = [m for m in range(months) if month_start(m).month in plan.season_months]
        weights[winter, 1] = np.maximum(weights[winter, 1] * 4, 0.15)


def share_column(items: np.ndarray, catalogue: Catalogue) -> int:
    """The place in a formulary of the drug whose share jumps: a rare plain drug of the first 26."""
    plain = [i for i in range(26) if catalogue.drug[items[i]]]
    return plain[3]


def _pick(weights: np.ndarray, size: np.ndarray, dice: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """For each prescription `size` different columns by weight (the largest of exponential keys); row and column."""
    with np.errstate(divide="ignore"):
        keys = np.where(weights > 0, dice.exponential(size=weights.shape) / weights, np.inf)
    best = np.argpartition(keys, 5, axis=1)[:, :5]
    order = np.take_along_axis(best, np.take_along_axis(keys, best, 1).argsort(axis=1), 1)
    wanted = np.arange(5) < size[:, None]
    return np.nonzero(wanted)[0], order[wanted]


def _days(month: np.ndarray, dice: np.random.Generator) -> np.ndarray:
    """Day numbers from FIRST; weekends have a third of the work."""
    found = np.zeros(len(month), int)
    for index in np.unique(month):
        start, end = month_start(int(index)), month_start(int(index) + 1)
        days = np.arange((end - start).days)
        weight = np.array([0.33 if (start + timedelta(days=int(d))).weekday() > 4 else 1.0 for d in days])
        mine = month == index
        found[mine] = dice.choice(days, mine.sum(), p=weight / weight.sum()) + (start - FIRST).days
    return found


def _give_patients(heads: pd.DataFrame, people: pd.DataFrame, dice: np.random.Generator) -> None:
    """Patients come round in a fixed order of their pool: never twice within seven days."""
    pool = np.where(heads.department.isin(["儿内科", "新生儿科"]), "child", "other")
    pool = np.where(heads.department == "妇产科", "woman", pool)
    heads["patient"] = ""
    by_day = heads.assign(pool=pool).sort_values(["day", "rx"], kind="stable")
    for name, rows in by_day.groupby("pool"):
        members = dice.permutation(people.patient[people.pool == name].to_numpy())
        heads.loc[rows.index, "patient"] = members[np.arange(len(rows)) % len(members)]


def _usual_spend(heads: pd.DataFrame, picks: pd.DataFrame, catalogue: Catalogue, months: int) -> pd.DataFrame:
    """Per department: usual monthly spend on consumables and on all, yuan (before the stories)."""
    joined = picks.merge(heads[["rx", "department", "quiet", "month"]], on="rx")
    joined = joined[joined.quiet & (joined.month < 9)]
    amount = joined.qty * catalogue.price[joined["item"]] / 100
    drug = catalogue.drug[joined["item"]]
    per = min(9, months)
    return pd.DataFrame(
        {
            "all": amount.groupby(joined.department).sum() / per,
            "consumables": (amount * ~drug).groupby(joined.department).sum() / per,
            "ddds": ((joined.qty * catalogue.ddd[joined["item"]]) * (catalogue.level[joined["item"]] > 0))
            .groupby(joined.department)
            .sum()
            / per,
        }
    )


def _numbered(heads: pd.DataFrame) -> pd.DataFrame:
    heads = heads.sort_values(["day", "rx"], kind="stable").reset_index(drop=True)
    heads["number"] = [f"CF{n:07d}" for n in range(1, len(heads) + 1)]
    return heads


def _lines(
    heads: pd.DataFrame,
    picks: pd.DataFrame,
    catalogue: Catalogue,
    clinics: Mapping[str, Clinic],
    dice: np.random.Generator,
    plan: Plan | None,
) -> pd.DataFrame:
    lines = picks.merge(heads, on="rx").sort_values(["number"], kind="stable").reset_index(drop=True)
    lines["source_key"] = [f"MX{n:07d}" for n in range(1, len(lines) + 1)]
    lines["fen"] = catalogue.price[lines["item"]]
    lines["original_key"] = None
    if plan is not None:
        plants.raise_quantities(lines, catalogue, plan)
        plants.raise_price(lines, catalogue, plan)
    lines = pd.concat([lines, _returns(lines, dice)], ignore_index=True)
    days = np.datetime64(FIRST) + lines.day.to_numpy()
    return pd.DataFrame(
        {
            "source_key": lines.source_key,
            "rx": lines.number,
            "date": days,
            "campus": lines.department.map({name: clinic.campus for name, clinic in clinics.items()}),
            "department": lines.department,
            "doctor": lines.doctor,
            "patient": lines.patient,
            "visit_type": lines.visit_type,
            "item": catalogue.code[lines["item"]],
            "kind": np.where(catalogue.drug[lines["item"]], "drug", "consumable"),
            "supplier": np.array(catalogue.supplier)[lines["item"]],
            "qty": lines.qty.astype(np.int64),
            "price": lines.fen,
            "amount": lines.fen * lines.qty,
            "original_key": lines.original_key,
        }
    )


def _returns(lines: pd.DataFrame, dice: np.random.Generator) -> pd.DataFrame:
    """Three in a thousand quiet drug lines come back whole, one to three days later in the same month."""
    start_next = np.array([(month_start(int(m) + 1) - FIRST).days for m in range(int(lines.month.max()) + 1)])
    may = (lines.quiet & (lines.visit_type == "O") & (lines.day + 3 < start_next[lines.month])).to_numpy()
    chosen = lines[may & (dice.random(len(lines)) < 0.004)].copy()
    chosen["original_key"] = chosen.source_key
    chosen["day"] += dice.integers(1, 4, len(chosen))
    chosen["qty"] = -chosen.qty
    chosen["source_key"] = [f"TY{n:06d}" for n in range(1, len(chosen) + 1)]
    return chosen


def _items(catalogue: Catalogue) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "item": catalogue.code,
            "name": catalogue.name,
            "kind": np.where(catalogue.drug, "drug", "consumable"),
            "price": [f"{fen / 100:.2f}" for fen in catalogue.price],
            "ddd_per_unit": [f"{v:.2f}" if v else "" for v in catalogue.ddd],
            "antibacterial_level": catalogue.level,
            "essential": catalogue.essential,
            "watch": catalogue.watch,
            "vbp": catalogue.vbp,
            "sex_limit": catalogue.sex,
            "supplier": catalogue.supplier,
        }
    )


def _dept_month(
    clinics: Mapping[str, Clinic], base: pd.DataFrame, dice: np.random.Generator, months: int
) -> pd.DataFrame:
    """Income and patient-days such that both ratios are usual for the kind of department, within 2 %."""
    rows = []
    for name, clinic in clinics.items():
        income = base.consumables[name] / (USUAL[clinic.peers] * CONTROL[clinic.peers] / 100)
        share = PROFILE[clinic.peers][2][2]
        days = base.ddds[name] * share * 100 / DENSITY[clinic.peers]
        for month in range(months):
            rows.append(
                (
                    month_text(month),
                    name,
                    f"{income * dice.normal(1, 0.02):.2f}",
                    round(days * dice.normal(1, 0.02)),
                )
            )
    return pd.DataFrame(rows, columns=["month", "department", "medical_income", "patient_days"])


def _access_log(dice: np.random.Generator, months: int, plan: Plan | None) -> pd.DataFrame:
    """Everyday look-ups of one patient or one stock; a few at night on the wards."""
    count = 330 * months
    last = (month_start(months) - FIRST).days
    day = dice.integers(0, last, count)
    hour = np.where(
        dice.random(count) < 0.03, dice.choice([22, 23, 2, 5], count), dice.integers(8, 18, count)
    )
    role = dice.choice(["病区", "药学部"], count, p=[0.8, 0.2])
    group = dice.choice(["patient", "dept_month", "drug_stock"], count, p=[0.8, 0.12, 0.08])
    rows = [
        (_instant(int(d), int(h), int(m)), f"cx{u:03d}", str(r), f"10.0.{u % 4}.{u}", str(g), int(n))
        for d, h, m, u, r, g, n in zip(
            day, hour, dice.integers(0, 60, count), dice.integers(1, 60, count), role, group,
            dice.integers(1, 60, count), strict=True,
        )
    ]  # fmt: skip
    if plan is not None:
        rows += plants.night_queries(plan, months)
    frame = pd.DataFrame(sorted(rows), columns=["time", "user", "role", "ip", "group_by", "rows"])
    return frame.reset_index(drop=True)


def _rep_visits(
    clinics: Mapping[str, Clinic],
    catalogue: Catalogue,
    dice: np.random.Generator,
    months: int,
    stories: list[Story],
    plan: Plan,
) -> pd.DataFrame:
    companies = sorted(set(catalogue.supplier))
    rows = []
    for month in range(months):
        for _ in range(8):
            number = int(dice.integers(0, 40))
            day = month_start(month) + timedelta(days=int(dice.integers(0, 28)))
            rows.append(
                (
                    day.isoformat(),
                    f"代表{number + 1:02d}",
                    companies[number % len(companies)],
                    str(dice.choice(list(clinics))),
                    True,
                )
            )
    rows += plants.unregistered_visits(stories, plan)
    return pd.DataFrame(sorted(rows), columns=["date", "rep", "supplier", "department", "registered"])


def _instant(day: int, hour: int, minute: int) -> str:
    return f"{(FIRST + timedelta(days=day)).isoformat()} {hour:02d}:{minute:02d}:00"


def _decimals(frame: pd.DataFrame) -> pa.Table:
    """Arrow table with the two money columns as exact decimals: fen × 0.01, no float in between."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    cent = pa.scalar(Decimal("0.01"), pa.decimal128(3, 2))
    for name in ("price", "amount"):
        exact = pc.multiply(table[name].cast(pa.decimal128(19, 0)), cent).cast(pa.decimal128(18, 2))
        table = table.set_column(table.column_names.index(name), name, exact)
    day = table["date"].cast(pa.date32())
    return table.set_column(table.column_names.index("date"), "date", day)
