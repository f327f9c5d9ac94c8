"""Putting the stories into the generated rows (stories.py says which; prescribing.py makes the quiet background)."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from core.testing.catalogue import Catalogue
from core.testing.stories import FIRST, Plan, Story, month_start, month_text


def plant(
    heads: pd.DataFrame,
    picks: pd.DataFrame,
    catalogue: Catalogue,
    staff: pd.DataFrame,
    people: pd.DataFrame,
    dice: np.random.Generator,
    plan: Plan,
    months: int,
) -> tuple[pd.DataFrame, pd.DataFrame, list[Story]]:
    """Rows with the stories' prescriptions and lines added, and the list of what was planted.

    Prescriptions that carry a planted line are no longer `quiet`: nothing of them is returned.
    """
    last = month_text(months - 1)
    stories: list[Story] = []
    heads, picks = _repeats(heads, picks, catalogue, staff, dice, plan, months, stories)
    sex = people.set_index("patient").sex
    sizes = picks.rx.value_counts()
    small = heads.rx.map(sizes) <= 3
    visit = heads.visit_type.isin(["O", "E"])
    levels = heads.doctor.map(staff.set_index("doctor").antibacterial_level)
    calm = heads.quiet & (heads.month > 0)
    plain = np.flatnonzero(catalogue.drug & (catalogue.level == 0) & (np.array(catalogue.sex) == ""))

    chosen = _some(heads[calm & small & visit], plan.many_drugs, dice)
    extra = [dice.choice(plain, 12, replace=False) for _ in chosen]
    picks = _add(picks, heads, chosen, extra, catalogue.drug, 7)
    _note(stories, heads, chosen, "RX_GT5", "一张门急诊处方上有七种药品")

    women, men = calm & (heads.patient.map(sex) == "F"), calm & (heads.patient.map(sex) == "M")
    for mask, items, count in (
        (men, catalogue.female_only, plan.sex_slips - 2),
        (women, catalogue.male_only, 2),
    ):
        chosen = _some(heads[mask & heads.quiet & small & visit], count, dice)
        picks = _add(picks, heads, chosen, [[dice.choice(items)] for _ in chosen])
        _note(stories, heads, chosen, "SEX_LIMIT", "限定性别的药品开给了另一性别的患者")

    chosen = _some(heads[calm & heads.quiet & small & (levels == 1)], plan.level_slips, dice)
    picks = _add(picks, heads, chosen, [[dice.choice(catalogue.antibacterials(3))] for _ in chosen])
    _note(stories, heads, chosen, "AB_LEVEL", "一级权限的医师开具了特殊使用级抗菌药物")

    def doctor(department: str, n: int) -> str:
        return str(staff.doctor[staff.department == department].iloc[n])

    def add(code: str, level: str, entity: str, start: int, must: str, note: str) -> None:
        stories.append(Story(code, level, entity, month_text(start), last, must, note))

    departments = set(staff.department)
    if plan.orthopaedics in departments:
        add(
            "CONS_RATIO", "department", plan.orthopaedics, plan.consumables_from, "fire", "百元耗材比约翻一番"
        )
    if plan.icu in departments:
        add(
            "AUD_JUMP",
            "department",
            plan.icu,
            plan.antibacterials_from,
            "fire",
            "抗菌药物使用强度约为原来三倍",
        )
    if plan.cost_department in departments:
        who = doctor(plan.cost_department, plan.cost_doctor)
        add("COST_PER_RX", "doctor", who, plan.cost_from, "fire", "用量约为本科室同行的四倍")
    if plan.share_department in departments:
        who = doctor(plan.share_department, plan.share_doctor)
        mine = picks[picks.rx.isin(heads.rx[(heads.doctor == who) & (heads.month >= plan.share_from)])]
        item = int(mine["item"].value_counts().idxmax())
        entity = f"{who}|{catalogue.code[item]}"
        add(
            "DRUG_SHARE",
            "doctor",
            entity,
            plan.share_from,
            "fire",
            "一种药品的处方占比骤升，此前有未登记的代表来访",
        )
        stories.append(
            Story(
                "REP_UNREGISTERED", "rep", f"{plan.rep}|{catalogue.supplier[item]}", month_text(plan.share_from - 1),
                month_text(plan.share_from), "fire", "占比骤升前一个月，同一供应商的代表六次未登记来访",
            )
        )  # fmt: skip
    add(
        "PRICE_GAP",
        "item",
        str(catalogue.code[gap_item(picks, catalogue)]),
        0,
        "fire",
        "单价为平台价的 1.35 倍",
    )
    add("TONGFANG", "user", plan.night_user, 4, "fire", "夜间按医师与药品汇总查询")
    if plan.newcomer_department in departments:
        who = doctor(plan.newcomer_department, -1)
        add("COST_PER_RX", "doctor", who, plan.newcomer_from, "hold", "新到医师，每月四张处方，例数太少")
    for name in sorted(set(staff.department) & {"儿内科", "新生儿科"}):
        add("DRUG_SHARE", "department", name, 0, "hold", "冬季用药，全科同行一起上升")
    return picks, heads, stories


def raise_quantities(lines: pd.DataFrame, catalogue: Catalogue, plan: Plan) -> None:
    """The stories told by quantity: orthopaedic consumables ×2, ICU antibacterials ×1.8, one doctor ×4."""
    item = lines["item"]
    ortho = (
        (lines.department == plan.orthopaedics)
        & (lines.month >= plan.consumables_from)
        & ~catalogue.drug[item]
    )
    icu = (
        (lines.department == plan.icu)
        & (lines.month >= plan.antibacterials_from)
        & (catalogue.level[item] > 0)
    )
    doctors = sorted(lines.doctor[lines.department == plan.cost_department].unique())
    dear = (lines.doctor == (doctors[plan.cost_doctor] if doctors else "")) & (lines.month >= plan.cost_from)
    lines.loc[ortho, "qty"] *= 2
    lines.loc[icu, "qty"] = np.ceil(lines.qty[icu] * 1.8).astype(int)
    lines.loc[dear, "qty"] *= 4


def raise_price(lines: pd.DataFrame, catalogue: Catalogue, plan: Plan) -> None:
    """One item is bought above the platform price throughout."""
    item = gap_item(lines, catalogue)
    lines.loc[lines["item"] == item, "fen"] = round(int(catalogue.price[item]) * plan.price_factor)


def gap_item(picks: pd.DataFrame, catalogue: Catalogue) -> int:
    """The item with the price gap: the most used drug that is no antibacterial."""
    counts = picks["item"].value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return next(int(i) for i in counts.index if catalogue.drug[i] and catalogue.level[i] == 0)


def night_queries(plan: Plan, months: int) -> list[tuple[Any, ...]]:
    """Six queries by doctor and drug at 22:41, two in each of three months, from an address not used otherwise."""
    found = []
    for month in (m for m in (4, 10, 16) if m < months):
        for day in (26, 27):
            when = (month_start(month) + timedelta(days=day)).isoformat()
            found.append((f"{when} 22:41:00", plan.night_user, "病区", "10.0.9.99", "doctor_x_drug", 4800))
    return found


def unregistered_visits(stories: list[Story], plan: Plan) -> list[tuple[Any, ...]]:
    """Six unregistered visits in the month before the share jumps."""
    story = next((s for s in stories if s.code == "REP_UNREGISTERED"), None)
    if story is None:
        return []
    rep, supplier = story.entity.split("|")
    return [
        (f"{story.month_from}-{day:02d}", rep, supplier, plan.share_department, False)
        for day in (3, 6, 10, 13, 19, 24)
    ]


def _repeats(
    heads: pd.DataFrame,
    picks: pd.DataFrame,
    catalogue: Catalogue,
    staff: pd.DataFrame,
    dice: np.random.Generator,
    plan: Plan,
    months: int,
    stories: list[Story],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Each month a few patients get the first drug of a prescription again four days later."""
    codes = staff.doctor[staff.department == plan.repeat_department]
    if codes.empty or months <= plan.repeat_from:
        return heads, picks
    who = str(codes.iloc[plan.repeat_doctor])
    new_heads: list[pd.DataFrame] = []
    new_picks: list[pd.DataFrame] = []
    drugs = (
        picks[catalogue.drug[picks["item"]] & (catalogue.level[picks["item"]] == 0)]
        .drop_duplicates("rx")
        .set_index("rx")
    )
    for month in range(plan.repeat_from, months):
        end = (month_start(month + 1) - FIRST).days
        may = heads[
            (heads.doctor == who)
            & (heads.month == month)
            & (heads.day + 4 < end)
            & heads.rx.isin(drugs.index)
        ]
        for index in _some(may, plan.repeat_patients, dice):
            row = heads.loc[index]
            again = len(heads) + len(new_heads)
            new_heads.append({**row.to_dict(), "rx": again, "day": row.day + 4, "quiet": False})
            new_picks.append({"rx": again, "item": drugs["item"][row.rx], "qty": drugs.qty[row.rx]})
            heads.loc[index, "quiet"] = False
    stories.append(
        Story(
            "REPEAT_7D",
            "doctor",
            who,
            month_text(plan.repeat_from),
            month_text(months - 1),
            "fire",
            "同一患者七日内重复开具同一药品，每月六人",
        )
    )
    return (
        pd.concat([heads, pd.DataFrame(new_heads)], ignore_index=True),
        pd.concat([picks, pd.DataFrame(new_picks)], ignore_index=True),
    )


def _some(rows: pd.DataFrame, count: int, dice: np.random.Generator) -> list[int]:
    return sorted(int(i) for i in dice.choice(rows.index, min(count, len(rows)), replace=False))


def _add(
    picks: pd.DataFrame,
    heads: pd.DataFrame,
    chosen: list[int],
    extra: list[Any],
    drugs: np.ndarray | None = None,
    upto: int = 0,
) -> pd.DataFrame:
    """`picks` with extra items on the chosen prescriptions; with `upto`, until so many different drugs stand on each.

    The chosen prescriptions are no longer quiet.
    """
    rows = []
    for index, items in zip(chosen, extra, strict=True):
        rx = heads.rx[index]
        there = set(picks["item"][picks.rx == rx])
        fresh = [int(item) for item in items if int(item) not in there]
        if drugs is not None:
            fresh = fresh[: upto - sum(bool(drugs[item]) for item in there)]
        rows += [{"rx": rx, "item": item, "qty": 1 + n % 3} for n, item in enumerate(fresh)]
    heads.loc[chosen, "quiet"] = False
    return pd.concat([picks, pd.DataFrame(rows)], ignore_index=True) if rows else picks


def _note(stories: list[Story], heads: pd.DataFrame, chosen: list[int], code: str, note: str) -> None:
    for index in chosen:
        month = month_text(int(heads.month[index]))
        stories.append(Story(code, "prescription", str(heads.rx[index]), month, month, "fire", note))
