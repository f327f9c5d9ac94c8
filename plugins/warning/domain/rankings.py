"""The quarterly tables: twenty drugs and twenty doctors, by amount and by defined daily doses. Only computed here, kept by `freezing`.

Amounts are net of returns as the engine nets them (`prepare`), summed as decimals; the order is total: figure, then code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from statistics import median
from typing import Any

import ibis

from core.plugin_api import Department, Hospital, Post, Refused, lake
from plugins.warning.domain import disclosure, quarters
from plugins.warning.domain.prepare import LINES, drop_prepared, prepare
from plugins.warning.domain.subjects import pairs

TOP = 20
#: Fewest prescriptions of a row: a public table shows no small cell, a doctor is compared only with enough.
LEAST = {"drugs": 10, "doctors": 30}
#: Fewest prescriptions of the whole quarter.
LEAST_ALL = 30
DATASETS = (LINES, "items", "doctors")
WIDE, EXACT = "decimal(38, 5)", "decimal(38, 10)"
FEN = Decimal("0.01")

KINDS = {
    "top20_drugs": "用药金额前 20 名药品",
    "top20_drugs_ddd": "限定日剂量数前 20 名药品",
    "top20_doctors": "用药金额前 20 名医师",
    "top20_doctors_ddd": "限定日剂量数前 20 名医师",
}
_NET = (
    "统计期内开具的处方明细中的药品，退药冲减原明细所在的月份；原明细不明的，冲减退药当月；全部退掉的明细不计。"
    "金额为数量乘单价，按十进制精确合计，最后四舍五入到分。"
)
_ORDER = "名次按{by}从高到低，相同时按院内编码排序。名次变化与上一季度按同样方法算出的名次相比。"
_SHARE = "占比 = 该药品{what} ÷ 全部药品{what}合计 × 100。"
METHODS = {
    "top20_drugs": f"{_NET}{_ORDER.format(by='金额')}{_SHARE.format(what='金额')}处方数不足 {LEAST['drugs']} 张的药品不列入。",
    "top20_drugs_ddd": f"{_NET}限定日剂量数 = 数量 × 每单位限定日剂量，只统计目录中有该值的药品。{_ORDER.format(by='限定日剂量数')}"
    f"{_SHARE.format(what='限定日剂量数')}处方数不足 {LEAST['drugs']} 张的药品不列入。",
    "top20_doctors": f"{_NET}{_ORDER.format(by='金额')}处方数不足 {LEAST['doctors']} 张的医师不列入。"
    "科室中位数为本科室本季度有用药金额的全部医师的中位数。",
    "top20_doctors_ddd": f"{_NET}限定日剂量数 = 数量 × 每单位限定日剂量，只统计目录中有该值的药品。{_ORDER.format(by='限定日剂量数')}"
    f"处方数不足 {LEAST['doctors']} 张的医师不列入。科室中位数为本科室本季度有限定日剂量数的全部医师的中位数。",
}
DOCTORS_NOTE = "金额高低与专业、病种和工作量有关，不说明处方是否合理；偏离同行的，需核实。"


@dataclass
class Ranking:
    """A computed table, ready to be frozen. Names are texts from here on."""

    kind: str
    quarter: str
    title: str
    method: str
    note: str
    n: int
    columns: list[dict[str, str]]
    rows: list[dict[str, Any]]
    basis: dict[str, Any]
    audience: str = "public"
    data_class: int = 1


@dataclass
class Sums:
    """A quarter's sums: by item {amount, ddds, departments, rx}, by doctor {amount, rx, department}, distinct prescriptions."""

    items: dict[Any, dict[str, Any]] = field(default_factory=dict)
    doctors: dict[Any, dict[str, Any]] = field(default_factory=dict)
    n: int = 0


def compute(hospital: Hospital, quarter: str, kind: str) -> Ranking:
    """The ranking of a quarter on the newest data. Raises Refused: no such kind, quarter not whole, too few prescriptions."""
    if kind not in KINDS:
        raise Refused(f"没有“{kind}”这种排名。可选：{'、'.join(KINDS)}。")
    pins = {name: lake.pins(hospital, name) for name in DATASETS}
    ready = quarters.complete(hospital)
    if quarter not in ready:
        raise Refused(
            f"{quarters.label(quarter)}的处方明细还不完整，不能冻结。数据完整的季度：{_listed(ready)}。"
        )
    con = lake.connect("worker")
    try:
        tables = prepare(con, {name: lake.table(con, name, found) for name, found in pins.items()})
        now = sums(tables, quarter)
        past = sums(tables, quarters.before(quarter)) if quarters.before(quarter) in ready else None
        if now.n < LEAST_ALL:
            raise Refused(
                f"{quarters.label(quarter)}只有 {now.n} 张处方，不足 {LEAST_ALL} 张，不能公示排名。"
            )
        names = pairs(tables["items"], "item", "name")
        homes = pairs(tables["doctors"], "doctor", "department")
    finally:
        drop_prepared(con)
    basis = {"pins": {name: [[pin.month, pin.version] for pin in found] for name, found in pins.items()}}
    if kind.startswith("top20_doctors"):
        return _doctors(hospital, quarter, kind, now, past, homes, basis)
    return _drugs(hospital, quarter, kind, now, past, names, basis)


def sums(tables: Mapping[str, ibis.Table], quarter: str) -> Sums:
    """The sums of one quarter's drug lines."""
    start, end = quarters.bounds(quarter)
    lines = tables[LINES]
    lines = lines.filter((lines.kind == "drug") & (lines.date >= start) & (lines.date < end))
    doses = tables["items"].select(dose_item="item", dose="ddd_per_unit")
    joined = lines.left_join(doses, lines.item == doses.dose_item)
    whole = (joined.qty.cast(WIDE) * joined.dose.cast(WIDE)).cast(EXACT)
    by_item = joined.mutate(doses=whole, wide=joined.amount.cast(WIDE)).group_by("item")
    items = by_item.agg(
        amount=lambda t: t.wide.sum(),
        ddds=lambda t: t.doses.sum(),
        departments=lambda t: t.department.nunique(),
        rx=lambda t: t.rx.nunique(),
    )
    wide = joined.mutate(doses=whole, wide=joined.amount.cast(WIDE))
    doctors = wide.group_by("doctor").agg(amount=wide.wide.sum(), ddds=wide.doses.sum(), rx=wide.rx.nunique())
    usual = wide.group_by(["doctor", "department"]).agg(amount=wide.wide.sum())
    found = Sums(n=int(lines.rx.nunique().execute()))
    for row in items.to_pyarrow().to_pylist():
        found.items[row.pop("item")] = row
    for row in doctors.to_pyarrow().to_pylist():
        found.doctors[row.pop("doctor")] = row
    for row in sorted(usual.to_pyarrow().to_pylist(), key=lambda r: (r["amount"], r["department"])):
        found.doctors[row["doctor"]]["department"] = row["department"]
    return found


def _drugs(
    hospital: Hospital,
    quarter: str,
    kind: str,
    now: Sums,
    past: Sums | None,
    names: dict[Any, str],
    basis: dict[str, Any],
) -> Ranking:
    figure = "ddds" if kind == "top20_drugs_ddd" else "amount"
    codes = lake.labels(hospital, "item", {*now.items, *(past.items if past else ())})
    order = _order(now.items, figure, codes, LEAST["drugs"])
    last = _places(past.items, figure, codes, LEAST["drugs"]) if past else None
    total = sum((row[figure] for row in now.items.values() if row[figure] is not None), Decimal(0))
    rows = []
    for place, item in enumerate(order[:TOP], start=1):
        row = now.items[item]
        rows.append(
            {
                "rank": place,
                "item": names.get(item) or codes[item],
                "departments": row["departments"],
                "rx": row["rx"],
                "amount": money(row["amount"]),
                "ddds": None if row["ddds"] is None else money(row["ddds"]),
                "share": share(row[figure], total),
                **_moved(place, item, last),
            }
        )
    columns = [
        _column("rank", "名次", "number"),
        _column("item", "药品", "text"),
        _column("departments", "使用科室数", "number"),
        _column("rx", "处方数", "number"),
        _column("amount", "金额（元）", "money"),
        _column("ddds", "限定日剂量数", "number"),
        _column("share", "占比（%）", "number"),
        _column("last_rank", "上季度名次", "number"),
        _column("change", "名次变化", "text"),
    ]
    return Ranking(
        kind=kind,
        quarter=quarter,
        title=f"{quarters.label(quarter)}{KINDS[kind]}",
        method=METHODS[kind],
        note=" ".join([_coverage(now), *_no_past(past)]).strip(),
        n=now.n,
        columns=columns,
        rows=rows,
        basis=basis,
    )


def _doctors(
    hospital: Hospital,
    quarter: str,
    kind: str,
    now: Sums,
    past: Sums | None,
    homes: dict[Any, str],
    basis: dict[str, Any],
) -> Ranking:
    codes = lake.labels(hospital, "doctor", {*now.doctors, *(past.doctors if past else ())})
    figure = "ddds" if kind == "top20_doctors_ddd" else "amount"
    order = _order(now.doctors, figure, codes, LEAST["doctors"])
    last = _places(past.doctors, figure, codes, LEAST["doctors"]) if past else None
    home = {doctor: homes.get(doctor) or row["department"] for doctor, row in now.doctors.items()}
    peers: dict[str, list[Decimal]] = {}
    for doctor, row in now.doctors.items():
        if row[figure] is not None and row[figure] > 0:
            peers.setdefault(home[doctor], []).append(row[figure])
    departments = dict(Department.unscoped.filter(hospital=hospital).values_list("code", "name"))
    rule = disclosure.names_rule(hospital)
    posts = Post.unscoped.filter(hospital=hospital, source_code__in=[codes[d] for d in order[:TOP]])
    persons = dict(posts.order_by("starts_on", "id").values_list("source_code", "person__name"))
    said = disclosure.statements(hospital, quarter)
    rows = []
    for place, doctor in enumerate(order[:TOP], start=1):
        row, code, unit = now.doctors[doctor], codes[doctor], home[doctor]
        name = persons.get(code, "")
        rows.append(
            {
                "rank": place,
                "doctor": name if rule and rule.show_names and name else disclosure.masked(name),
                "department": departments.get(unit, unit),
                "rx": row["rx"],
                "amount": money(row["amount"]),
                **({"ddds": money(row["ddds"])} if figure == "ddds" else {}),
                "peers": len(peers[unit]),
                "median": money(median(peers[unit])),
                **_moved(place, doctor, last),
                "statement": said.get(code, ""),
            }
        )
    unit, kind_of = ("", "number") if figure == "ddds" else ("（元）", "money")
    columns = [
        _column("rank", "名次", "number"),
        _column("doctor", "医师", "text"),
        _column("department", "科室", "text"),
        _column("rx", "处方数", "number"),
        _column("amount", "金额（元）", "money"),
        *([_column("ddds", "限定日剂量数", "number")] if figure == "ddds" else []),
        _column("peers", "科室医师数", "number"),
        _column("median", "科室中位数" + unit, kind_of),
        _column("last_rank", "上季度名次", "number"),
        _column("change", "名次变化", "text"),
        _column("statement", "医师说明", "text"),
    ]
    shown = bool(rule and rule.show_names)
    covered = [_coverage(now)] if figure == "ddds" else []
    names = f"姓名依据公示：{rule.text}" if rule and shown else "姓名已隐去：医院尚未登记公示姓名的规定。"
    return Ranking(
        kind=kind,
        quarter=quarter,
        title=f"{quarters.label(quarter)}{KINDS[kind]}",
        method=METHODS[kind],
        note=" ".join([DOCTORS_NOTE, *covered, names, *_no_past(past)]),
        n=now.n,
        columns=columns,
        rows=rows,
        basis=basis | {"names_rule": rule.number if rule else None},
        audience="internal",
        data_class=2,
    )


def money(value: Decimal) -> Decimal:
    """Two places, half up."""
    return Decimal(value).quantize(FEN, ROUND_HALF_UP)


def share(part: Decimal, total: Decimal) -> Decimal | None:
    """Percent of the total with two places; None of a total that is not positive."""
    return money(part * 100 / total) if total > 0 else None


def _order(rows: dict[Any, dict[str, Any]], figure: str, codes: dict[int, str], least: int) -> list[Any]:
    """All that count, the highest first, the code breaking ties."""
    fit = [
        key for key, row in rows.items() if row[figure] is not None and row[figure] > 0 and row["rx"] >= least
    ]
    return sorted(fit, key=lambda key: (-rows[key][figure], codes[key]))


def _places(
    rows: dict[Any, dict[str, Any]], figure: str, codes: dict[int, str], least: int
) -> dict[Any, int]:
    return {key: place for place, key in enumerate(_order(rows, figure, codes, least), start=1)}


def _moved(place: int, key: Any, last: dict[Any, int] | None) -> dict[str, Any]:
    if last is None:
        return {"last_rank": None, "change": ""}
    before = last.get(key)
    if before is None:
        return {"last_rank": None, "change": "新进"}
    moved = before - place
    return {
        "last_rank": before,
        "change": f"升 {moved}" if moved > 0 else f"降 {-moved}" if moved else "持平",
    }


def _coverage(now: Sums) -> str:
    """How much of the amount has a known daily dose: figures by doses say nothing of the rest."""
    total = sum((row["amount"] for row in now.items.values()), Decimal(0))
    known = sum((row["amount"] for row in now.items.values() if row["ddds"] is not None), Decimal(0))
    covered = share(known, total)
    return "" if covered is None else f"目录中有限定日剂量的药品占全部金额的 {covered}%。"


def _no_past(past: Sums | None) -> list[str]:
    return [] if past else ["上一季度的数据不完整，不列名次变化。"]


def _listed(ready: list[str]) -> str:
    return "、".join(quarters.label(quarter) for quarter in ready) or "没有"


def _column(key: str, label: str, kind: str) -> dict[str, str]:
    return {"key": key, "label": label, "type": kind}
