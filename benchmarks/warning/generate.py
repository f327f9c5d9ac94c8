"""An invented prescribing set with planted cases, seeded and fast (numpy → Parquet). No real person or institution.

`generate(World(...))` gives a month at a time; `write` writes the landed form of one folder per hospital and truth.csv.
Background follows the rules (nobody over five drugs, no wrong sex, no wrong privilege), so exact rules must find the plants and no more.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

DEPARTMENTS = ("内科", "外科", "骨科", "心内", "神内", "儿科", "妇产", "眼科", "急诊", "肿瘤", "ICU", "全科")
DRUGS, CONSUMABLES = 500, 150
LINES_PER_RX = 2.65


@dataclass(frozen=True)
class World:
    """Size and seed of a set. `lines` is about the number of lines of all hospitals and months."""

    hospitals: int = 1
    departments: int = 12
    doctors: int = 8
    months: int = 18
    lines: int = 200_000
    seed: int = 7
    start: str = "2024-01"
    plants: bool = True
    returns: float = 0.002
    logs: int = 1  # multiplies the query log and the visits


@dataclass
class Made:
    """A hospital's tables: lines by month (landed columns), dimensions, monthly figures, logs, and the planted truth."""

    name: str
    lines: dict[str, pd.DataFrame] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    truth: list[dict] = field(default_factory=list)


def month_names(start: str, count: int) -> list[str]:
    """`count` months from `start`: 2024-01, 2024-02, …"""
    first = int(start[:4]) * 12 + int(start[5:]) - 1
    return [f"{i // 12:04d}-{i % 12 + 1:02d}" for i in range(first, first + count)]


def generate(world: World) -> Iterator[Made]:
    """One hospital after another, everything in memory."""
    for number in range(world.hospitals):
        made = _hospital(world, number)
        made.lines = dict(_months(world, number, made))
        yield made


def write(world: World, folder: Path) -> None:
    """folder/H1/prescription_lines/month=…/v0001.parquet, folder/H1/<table>.parquet, folder/truth.csv. Lines leave memory month by month."""
    truth: list[dict] = []
    for number in range(world.hospitals):
        made = _hospital(world, number)
        root = Path(folder) / made.name
        for month, lines in _months(world, number, made):
            target = root / "prescription_lines" / f"month={month}"
            target.mkdir(parents=True, exist_ok=True)
            pq.write_table(arrow_lines(lines), target / "v0001.parquet", compression="zstd")
        for name, table in made.tables.items():
            table.to_parquet(root / f"{name}.parquet", index=False)
        truth += made.truth
    pd.DataFrame(truth, columns=["code", "level", "entity", "month_from", "month_to", "must", "note"]).to_csv(
        Path(folder) / "truth.csv", index=False
    )


def arrow_lines(lines: pd.DataFrame) -> pa.Table:
    """Lines as they land: decimals of five places, integer codes, dates."""
    table = pa.Table.from_pandas(lines, preserve_index=False)
    for name in ("qty", "price", "amount"):
        exact = table[name].cast(pa.decimal128(20, 2)).cast(pa.decimal128(18, 5))
        table = table.set_column(table.column_names.index(name), name, exact)
    return table.set_column(table.column_names.index("date"), "date", table["date"].cast(pa.date32()))


def _hospital(world: World, number: int) -> Made:
    """Dimensions, logs and visits of a hospital. Monthly figures are added while its lines are made."""
    rng = np.random.default_rng([world.seed, number, 0])
    made = Made(f"H{number + 1}")
    names = [DEPARTMENTS[i] if i < len(DEPARTMENTS) else f"科室{i + 1}" for i in range(world.departments)]
    item_rng = np.random.default_rng([world.seed, 99])  # one catalogue for all hospitals
    level = np.zeros(DRUGS, int)
    level[item_rng.permutation(DRUGS)[:56]] = np.repeat([1, 2, 3], [34, 15, 7])
    sex = np.full(DRUGS + CONSUMABLES, None, dtype=object)
    free = np.flatnonzero(level == 0)
    sex[free[:4]], sex[free[4:6]] = "F", "M"
    price = np.round(
        np.concatenate([item_rng.lognormal(3, 0.9, DRUGS), item_rng.lognormal(3.8, 1, CONSUMABLES)]) + 1, 2
    )
    made.tables["items"] = pd.DataFrame(
        {
            "item": np.arange(DRUGS + CONSUMABLES),
            "name": [f"示例品种{i}" for i in range(DRUGS + CONSUMABLES)],
            "kind": ["drug"] * DRUGS + ["consumable"] * CONSUMABLES,
            "price": price,
            "ddd_per_unit": np.concatenate(
                [np.round(item_rng.uniform(0.3, 2.5, DRUGS), 2), np.full(CONSUMABLES, np.nan)]
            ),
            "antibacterial_level": pd.array([*level, *([None] * CONSUMABLES)], dtype="Int64"),
            "sex_limit": sex,
            "supplier": [f"S{i % 60:02d}" for i in range(DRUGS + CONSUMABLES)],
        }
    )
    count = world.departments * world.doctors
    made.tables["doctors"] = pd.DataFrame(
        {
            "doctor": np.arange(count),
            "department": np.repeat(names, world.doctors),
            "antibacterial_level": [(1, 2, 1, 2, 1, 3, 1, 2)[i % 8] for i in range(count)],
        }
    )
    patients = max(3000, world.lines // world.hospitals // 20)
    made.tables["patients"] = pd.DataFrame(
        {
            "patient": np.arange(patients),
            "sex": np.where(np.arange(patients) % 2 == 0, "M", "F"),
            "birth_year": rng.integers(1935, 2020, patients),
        }
    )
    made.tables["departments"] = pd.DataFrame({"department": names, "kind": names, "campus": "本部"})
    made.tables["dept_month"] = pd.DataFrame(
        columns=["month", "department", "medical_income", "patient_days"]
    )
    made.tables["access_log"], made.tables["rep_visits"] = (
        _log(world, rng, made),
        _visits(world, rng, names, made),
    )
    return made


def _months(world: World, number: int, made: Made) -> Iterator[tuple[str, pd.DataFrame]]:
    rng = np.random.default_rng([world.seed, number, 1])
    months = month_names(world.start, world.months)
    doctors, items = made.tables["doctors"], made.tables["items"]
    names = list(dict.fromkeys(doctors["department"]))
    favourites = np.stack([rng.permutation(DRUGS)[:80] for _ in names])
    weights = 1 / (np.arange(80) + 6.0)
    weights /= weights.sum()
    per_month = int(world.lines / world.hospitals / world.months / LINES_PER_RX)
    busy = rng.uniform(0.8, 1.2, len(doctors))
    busy /= busy.sum()
    stories = _stories(world, number, rng, months, names, made, favourites[0]) if world.plants else {}
    usual_cost: dict[str, float] = {}
    usual_days = rng.uniform(0.8, 1.2, len(names))
    figures, key, sheet = [], 0, 0
    for index, month in enumerate(months):
        frame, sheet = _plain_month(
            rng, month, per_month, sheet, doctors, items, names, favourites, weights, busy, made
        )
        frame = _tell(rng, index, month, frame, stories, made, doctors, items)
        sheet = int(frame["rx_number"].max()) + 1
        frame["source_key"] = np.char.add(f"{made.name}-", (np.arange(len(frame)) + key).astype(str))
        key += len(frame)
        spend = frame["amount"].where(frame["kind"] == "consumable", 0).groupby(frame["department"]).sum()
        for d, name in enumerate(names):
            cost = usual_cost.setdefault(name, float(spend.get(name, 1.0)) / 0.22 or 1.0)
            figures.append(
                (
                    month,
                    name,
                    round(cost * rng.normal(1, 0.04), 2),
                    int(per_month / len(names) * usual_days[d] * rng.normal(1, 0.04)) + 10,
                )
            )
        yield month, _with_returns(rng, world, frame, month)
    made.tables["dept_month"] = pd.DataFrame(
        figures, columns=["month", "department", "medical_income", "patient_days"]
    )


COLUMNS = ["source_key", "rx", "date", "campus", "department", "doctor", "patient", "visit_type", "item", "kind", "supplier", "qty", "price", "amount", "original_key", "import_id", "file_row"]  # fmt: skip


def _plain_month(
    rng, month, sheets, first, doctors, items, names, favourites, weights, busy, made
) -> tuple[pd.DataFrame, int]:
    days = pd.Period(month).days_in_month
    doctor = rng.choice(len(doctors), sheets, p=busy)
    department = doctor // (len(doctors) // len(names))
    patient = rng.integers(0, len(made.tables["patients"]), sheets)
    day = np.sort(rng.integers(0, days, sheets))
    visit = rng.choice(np.array(["O", "I", "E"]), sheets, p=[0.6, 0.33, 0.07])
    drugs = rng.choice([1, 2, 3, 4], sheets, p=[0.22, 0.43, 0.24, 0.11])
    things = (rng.random(sheets) < 0.38).astype(int)
    row = np.concatenate([np.repeat(np.arange(sheets), drugs), np.repeat(np.arange(sheets), things)])
    n_drugs = int(drugs.sum())
    item = np.empty(len(row), dtype=np.int64)
    item[:n_drugs] = favourites[department[row[:n_drugs]], rng.choice(80, n_drugs, p=weights)]
    item[n_drugs:] = DRUGS + rng.integers(0, 30, len(row) - n_drugs)
    level = items["antibacterial_level"].fillna(0).to_numpy(int)
    own = doctors["antibacterial_level"].to_numpy(int)
    limit = items["sex_limit"].to_numpy(object)
    bad_sex = ((limit[item] == "F") & (patient[row] % 2 == 0)) | (
        (limit[item] == "M") & (patient[row] % 2 == 1)
    )
    good = (level[item] <= own[doctor[row]]) & ~bad_sex
    _, unique = np.unique(row * 1000 + item, return_index=True)
    keep = np.zeros(len(row), bool)
    keep[unique] = True
    keep &= good
    row, item = row[keep], item[keep]
    return _frame(
        rng,
        month,
        row + first,
        doctor[row],
        np.array(names)[department[row]],
        patient[row],
        day[row],
        visit[row],
        item,
        items,
    ), first + sheets


def _frame(rng, month, sheet, doctor, department, patient, day, visit, item, items, qty=None) -> pd.DataFrame:
    price = items["price"].to_numpy()[item]
    qty = rng.integers(1, 7, len(item)).astype(float) if qty is None else np.asarray(qty, float)
    start = np.datetime64(f"{month}-01")
    return pd.DataFrame(
        {
            "rx_number": np.asarray(sheet), "date": start + np.asarray(day).astype("timedelta64[D]"), "department": department, "doctor": doctor,
            "patient": patient, "visit_type": visit, "item": item, "kind": items["kind"].to_numpy()[item], "supplier": items["supplier"].to_numpy()[item],
            "qty": qty, "price": price, "amount": np.round(qty * price, 2),
        }
    )  # fmt: skip


def _with_returns(rng, world: World, frame: pd.DataFrame, month: str) -> pd.DataFrame:
    frame["original_key"] = None
    back = np.flatnonzero(rng.random(len(frame)) < world.returns)
    planted = frame["rx_number"].to_numpy() < 0
    back = back[~planted[back]]
    if len(back):
        returned = frame.iloc[back].copy()
        returned["original_key"] = returned["source_key"]
        returned["source_key"] = returned["source_key"] + "R"
        returned[["qty", "amount"]] *= -1
        frame = pd.concat([frame, returned], ignore_index=True)
    frame["rx"] = np.char.add("RX", frame["rx_number"].to_numpy().astype(str))
    frame["campus"], frame["import_id"], frame["file_row"] = "本部", 1, np.arange(len(frame)) + 2
    return frame.sort_values("date", kind="stable")[COLUMNS].reset_index(drop=True)


def _stories(
    world: World, number: int, rng, months: list[str], names: list[str], made: Made, common: np.ndarray
) -> dict:
    """Who does what in this hospital; the truth is noted here."""
    doctors, items = made.tables["doctors"], made.tables["items"]
    pick = rng.permutation(len(doctors))[:6].tolist()
    rare = int(
        np.flatnonzero(
            (items["kind"] == "drug") & (items["antibacterial_level"] == 0) & items["sex_limit"].isna()
        )[number * 3 + 11]
    )
    onset = {k: int(rng.integers(7, max(8, world.months - 3))) for k in ("share", "repeat", "cons", "aud")}
    last, note = months[-1], made.truth.append

    def true(code, level, entity, start, must="fire", what="", end=None):
        note(
            {
                "code": code,
                "level": level,
                "entity": entity,
                "month_from": months[start],
                "month_to": end or last,
                "must": must,
                "note": what,
            }
        )

    stories = {
        "exact": {c: rng.integers(0, world.months, 8).tolist() for c in ("RX_GT5", "SEX_LIMIT", "AB_LEVEL")},
        "onset": onset,
        "rare": rare,
    }
    stories |= {
        "share": pick[0],
        "cost": pick[1],
        "repeat": pick[2],
        "new": pick[3],
        "price": next(int(i) for i in common if items["sex_limit"].isna()[i] and int(i) != rare),
    }
    stories |= {
        "cons": names[int(rng.integers(len(names)))],
        "aud": names[int(rng.integers(len(names)))],
        "next_sheet": -1,
    }
    stories["new_from"] = max(0, world.months - 2)
    true(
        "DRUG_SHARE",
        "doctor",
        f"{pick[0]}|{rare}",
        onset["share"],
        what="one drug on about 45% of prescriptions",
    )
    true("COST_PER_RX", "doctor", f"{pick[1]}", 0, what="quantity four times that of peers")
    true(
        "REPEAT_7D",
        "doctor",
        f"{pick[2]}",
        onset["repeat"],
        what="same patient, same drug within 7 days, six patients a month",
    )
    true(
        "COST_PER_RX",
        "doctor",
        f"{pick[3]}",
        max(0, world.months - 2),
        "hold",
        "newcomer: four dear prescriptions a month",
    )
    true(
        "CONS_RATIO", "department", f"{made.name}|{stories['cons']}", onset["cons"], what="consumables double"
    )
    true(
        "AUD_JUMP",
        "department",
        f"{made.name}|{stories['aud']}",
        onset["aud"],
        what="antibacterial use triples",
    )
    true(
        "PRICE_GAP", "hospital", f"{made.name}|{stories['price']}", 0, what="price 1.35 times the platform's"
    )
    return stories


def _tell(
    rng,
    index: int,
    month: str,
    f: pd.DataFrame,
    s: dict,
    made: Made,
    doctors: pd.DataFrame,
    items: pd.DataFrame,
) -> pd.DataFrame:
    """The planted stories told in one month's lines."""
    if not s:
        return f
    amount = lambda: np.round(f["qty"].to_numpy() * f["price"].to_numpy(), 2)  # noqa: E731
    f.loc[f["doctor"] == s["cost"], "qty"] *= 4
    if index >= s["onset"]["cons"]:
        f.loc[(f["department"] == s["cons"]) & (f["kind"] == "consumable"), "qty"] *= 2
    if index >= s["onset"]["aud"]:
        level = items["antibacterial_level"].fillna(0).to_numpy(int)
        f.loc[
            (f["department"] == s["aud"]) & (f["visit_type"] == "I") & (level[f["item"].to_numpy()] > 0),
            "qty",
        ] *= 3
    if index >= s["onset"]["share"]:
        mine = (f["doctor"] == s["share"]) & (f["kind"] == "drug")
        sheets = f.loc[mine, "rx_number"].drop_duplicates()
        chosen = set(sheets[rng.random(len(sheets)) < 0.45])
        first = f[mine & f["rx_number"].isin(chosen)].drop_duplicates("rx_number").index
        f.loc[first, ["item", "price", "supplier"]] = [
            s["rare"],
            items["price"].iat[s["rare"]],
            items["supplier"].iat[s["rare"]],
        ]
    if index >= s["new_from"]:  # the newcomer: four prescriptions a month, all dear
        own = f["doctor"] == s["new"]
        few = set(f.loc[own, "rx_number"].drop_duplicates().head(4))
        f = f[~own | f["rx_number"].isin(few)].reset_index(drop=True)
        f.loc[f["doctor"] == s["new"], "qty"] *= 8
    f["amount"] = amount()
    priced = f["item"] == s["price"]
    f.loc[priced, "price"] = np.round(f.loc[priced, "price"] * 1.35, 2)
    f["amount"] = amount()
    more = [
        _exact(rng, index, month, f, s, made, doctors, items),
        _repeat(rng, index, month, s, made, doctors, items),
    ]
    return pd.concat([f, *[m for m in more if m is not None]], ignore_index=True)


def _sheet(s: dict) -> int:
    s["next_sheet"] -= 1  # planted prescriptions carry negative numbers: never returned, easy to tell
    return s["next_sheet"]


def _exact(rng, index, month, f, s, made, doctors, items) -> pd.DataFrame | None:
    level, limit = items["antibacterial_level"].fillna(0).to_numpy(int), items["sex_limit"].to_numpy(object)
    plain = np.flatnonzero((items["kind"] == "drug").to_numpy() & (level == 0) & pd.isna(limit))
    plain = plain[(plain != s["rare"]) & (plain != s["price"])]
    low = np.flatnonzero((doctors["antibacterial_level"] == 1).to_numpy())
    parts = []
    for code, months in s["exact"].items():
        for _ in range(months.count(index)):
            sheet, doctor = _sheet(s), int(rng.choice(low))
            patient = int(rng.integers(0, len(made.tables["patients"]) // 2)) * 2  # even numbers are men
            chosen = {"RX_GT5": lambda: rng.choice(plain, 7, replace=False), "SEX_LIMIT": lambda: rng.choice(np.flatnonzero(limit == "F"), 1), "AB_LEVEL": lambda: rng.choice(np.flatnonzero(level == 3), 1)}[code]()  # fmt: skip
            n = len(chosen)
            parts.append(_frame(rng, month, [sheet] * n, [doctor] * n, [doctors["department"].iat[doctor]] * n, [patient] * n, [int(rng.integers(0, 28))] * n, ["O"] * n, chosen, items))  # fmt: skip
            made.truth.append(
                {
                    "code": code,
                    "level": "prescription",
                    "entity": f"RX{sheet}",
                    "month_from": month,
                    "month_to": month,
                    "must": "fire",
                    "note": "",
                }
            )
    return pd.concat(parts, ignore_index=True) if parts else None


def _repeat(rng, index, month, s, made, doctors, items) -> pd.DataFrame | None:
    if index < s["onset"]["repeat"]:
        return None
    plain = np.flatnonzero(
        (items["kind"] == "drug").to_numpy()
        & (items["antibacterial_level"].fillna(0) == 0).to_numpy()
        & items["sex_limit"].isna().to_numpy()
    )
    parts, doctor = [], s["repeat"]
    for _ in range(6):
        patient, item, day = (
            int(rng.integers(0, len(made.tables["patients"]))),
            int(rng.choice(plain[:100])),
            int(rng.integers(0, 14)),
        )
        if item in (s["rare"], s["price"]):
            item = int(plain[100])
        for step in (0, 4, 8):
            parts.append(_frame(rng, month, [_sheet(s)], [doctor], [doctors["department"].iat[doctor]], [patient], [day + step], ["O"], np.array([item]), items, [1]))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _log(world: World, rng, made: Made) -> pd.DataFrame:
    months = month_names(world.start, world.months)
    n = 330 * len(months) * world.logs
    start = np.datetime64(months[0] + "-01", "m")
    span = (np.datetime64(months[-1] + "-28", "m") - start).astype(int) // 1440
    user = rng.integers(0, 30 * world.logs, n)
    time = start + (rng.integers(0, span, n) * 1440 + rng.integers(480, 1080, n)).astype("timedelta64[m]")
    log = pd.DataFrame({"time": time, "user": [f"U{u:02d}" for u in user], "role": np.where(user < 6, "pharmacy", "ward"), "ip": [f"10.0.0.{u:02d}" for u in user]})  # fmt: skip
    log["group_by"] = rng.choice(["patient", "drug_stock", "dept_month"], n, p=[0.8, 0.1, 0.1])
    log["rows"] = rng.integers(1, 60, n)
    if world.plants:
        who, when = int(rng.integers(6, 30)), sorted(set(rng.integers(0, len(months), 3).tolist()))
        for index in when:
            event = [np.datetime64(f"{months[index]}-2{d}T22:41", "m") for d in (6, 7)]
            log = pd.concat([log, pd.DataFrame({"time": event, "user": f"U{who:02d}", "role": "ward", "ip": "10.0.0.99", "group_by": "doctor_x_drug", "rows": 4800})], ignore_index=True)  # fmt: skip
        made.truth.append({"code": "TONGFANG", "level": "user", "entity": f"U{who:02d}", "month_from": months[when[0]], "month_to": months[when[-1]], "must": "fire", "note": "doctor-by-drug at night"})  # fmt: skip
    return log.sort_values("time", kind="stable").reset_index(drop=True)


def _visits(world: World, rng, names: list[str], made: Made) -> pd.DataFrame:
    months = month_names(world.start, world.months)
    n = 8 * len(months) * world.logs
    days = [
        dt.date.fromisoformat(f"{months[int(m)]}-{int(d):02d}")
        for m, d in zip(rng.integers(0, len(months), n), rng.integers(1, 29, n), strict=True)
    ]
    rep = rng.integers(0, 40 * world.logs, n)
    registered = rng.random(n) >= 0.08
    seen: dict[int, int] = {}
    for i in np.flatnonzero(
        ~registered
    ):  # at most one slip per representative: the plant is the one who makes a habit of it
        seen[int(rep[i])] = seen.get(int(rep[i]), 0) + 1
        registered[i] = seen[int(rep[i])] > 1
    visits = pd.DataFrame({"date": days, "rep": [f"REP{r:02d}" for r in rep], "supplier": [f"S{int(x):02d}" for x in rng.integers(0, 60, n)], "department": rng.choice(names, n), "registered": registered})  # fmt: skip
    if world.plants:
        index = int(rng.integers(2, len(months) - 1))
        more = [dt.date.fromisoformat(f"{months[index]}-{d:02d}") for d in (2, 5, 9, 14, 20, 27)]
        visits = pd.concat([visits, pd.DataFrame({"date": more, "rep": "REP77", "supplier": "S05", "department": names[0], "registered": False})], ignore_index=True)  # fmt: skip
        made.truth.append({"code": "REP_UNREGISTERED", "level": "rep", "entity": "REP77", "month_from": months[index], "month_to": months[index], "must": "fire", "note": "six unregistered visits"})  # fmt: skip
    return visits.sort_values("date", kind="stable").reset_index(drop=True)
