"""Value and peers of a finding once more, in pandas, from the lines: written apart from the engine and never imported by it.

`python -m benchmarks.warning.recompute HOME HOSPITAL` reads the store in the data folder HOME and, for every finding of the
hospital's newest live run (or of `--as-of`), compares what the page shows with what the pinned files say. Exit code 1 on a difference.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

#: Below this the page shows the peers' values but no spread.
FEWEST_PEERS = 5


class Recompute:
    """One hospital's tables as pandas; `value(finding)` and `peers(finding)` answer from the lines. Doubles, rounded to nine digits."""

    def __init__(self, tables: dict[str, pd.DataFrame]) -> None:
        self.t = tables
        lines = net(tables["prescription_lines"])
        lines = lines.merge(
            tables["items"].drop(columns=["kind", "price", "supplier", "name"], errors="ignore"),
            on="item",
            how="left",
        )
        for name in ("qty", "amount", "ddd_per_unit", "antibacterial_level"):
            lines[name] = pd.to_numeric(lines[name]).astype(float)
        lines["month"] = pd.to_datetime(lines["date"]).dt.strftime("%Y-%m")
        lines["ddds"] = lines["qty"] * lines["ddd_per_unit"]
        self.lines, self.drugs = lines, lines[lines["kind"] == "drug"]
        self.by_month = dict(tuple(lines.groupby("month")))
        self.tables_of: dict[tuple, pd.Series] = {}

    def value(self, finding: Any) -> float:
        """The figure the warning shows."""
        return round9(float(_RULES[finding.rule](self, finding.subject, finding.period)))

    def peers(self, finding: Any) -> list[float] | None:
        """The others' figures, highest first; None for rules without peers."""
        all_values = _PEERS.get(finding.rule)
        if all_values is None:
            return None
        table = all_values(self, finding.subject, finding.period).dropna()
        own = _OWN[finding.rule](finding.subject)
        return sorted((round9(v) for k, v in table.items() if k != own), reverse=True)

    def month(self, period: str, kind: str | None = None) -> pd.DataFrame:
        """A month's netted lines."""
        lines = self.by_month[period]
        return lines if kind is None else lines[lines["kind"] == kind]

    def kept(self, key: tuple, make: Callable[[], pd.Series]) -> pd.Series:
        """A table made once."""
        if key not in self.tables_of:
            self.tables_of[key] = make()
        return self.tables_of[key]


def net(lines: pd.DataFrame) -> pd.DataFrame:
    """Returns taken off the line they name; what is left at zero goes."""
    lines = lines.copy()
    lines["qty"], lines["amount"] = (
        pd.to_numeric(lines["qty"]).astype(float),
        pd.to_numeric(lines["amount"]).astype(float),
    )
    if "original_key" in lines:
        back = lines[
            (lines["qty"] < 0) & lines["original_key"].isin(set(lines.loc[lines["qty"] > 0, "source_key"]))
        ]
        less = back.groupby("original_key")[["qty", "amount"]].sum()
        lines = lines[~lines["source_key"].isin(set(back["source_key"]))].copy()
        hit = lines["source_key"].isin(set(less.index))
        lines.loc[hit, ["qty", "amount"]] += less.reindex(lines.loc[hit, "source_key"]).to_numpy()
        lines[["qty", "amount"]] = lines[["qty", "amount"]].round(5)
    return lines[lines["qty"] != 0]


def round9(value: float) -> float:
    """Nine significant digits."""
    return float(f"{value:.9g}") if np.isfinite(value) else value


def spread(others: list[float]) -> dict[str, float]:
    """Median, MAD and percentiles of the others by numpy's own functions."""
    median = float(np.median(others))
    return {
        "median": median, "mad": float(np.median(np.abs(np.array(others) - median))),
        "p10": float(np.quantile(others, 0.1)), "p90": float(np.quantile(others, 0.9)),
    }  # fmt: skip


def _rx(lines: pd.DataFrame, by: list[str]) -> pd.Series:
    return lines[lines["qty"] > 0].groupby(by)["rx"].nunique()


def _cost(r: Recompute, s: dict, p: str) -> pd.Series:
    m = r.month(p)
    m = m[m["department"] == s["department"]]
    return m.groupby("doctor")["amount"].sum() / _rx(m, ["doctor"])


def _share(r: Recompute, s: dict, p: str) -> pd.Series:
    m = r.month(p, "drug")
    m = m[m["department"] == s["department"]]
    if s.get("drug_class") and "atc" in m:
        m = m[m["atc"].fillna("").str[:5] == s["drug_class"]]
    total = _rx(m, ["doctor"])
    return (_rx(m[m["item"] == s["item"]], ["doctor"]).reindex(total.index).fillna(0) / total) * 100


def _top(r: Recompute, s: dict, p: str) -> pd.Series:
    m = r.month(p, "drug")
    amounts = m[m["department"] == s["department"]].groupby(["doctor", "item"])["amount"].sum()
    amounts = amounts[amounts > 0]
    return amounts.groupby("doctor").max() / amounts.groupby("doctor").sum() * 100


def _amounts(r: Recompute, s: dict, p: str) -> pd.Series:
    def every() -> pd.Series:
        return r.month(p).groupby("item")["amount"].sum()

    return r.kept(("item", p), every)


def _dept(r: Recompute, p: str, column: str) -> pd.Series:
    d = r.t["dept_month"]
    return d[d["month"] == p].groupby("department")[column].sum().astype(float)


def _cons(r: Recompute, s: dict, p: str) -> pd.Series:
    income = _dept(r, p, "medical_income")
    return (
        r.month(p, "consumable").groupby("department")["amount"].sum().reindex(income.index).fillna(0)
        / income
        * 100
    )


def _antibacterial(m: pd.DataFrame) -> pd.DataFrame:
    return m[m["antibacterial_level"] > 0]


def _aud(r: Recompute, s: dict, p: str) -> pd.Series:
    days, m = _dept(r, p, "patient_days"), _antibacterial(r.month(p, "drug"))
    return (
        m[m["visit_type"] == "I"].groupby("department")["ddds"].sum().reindex(days.index).fillna(0)
        / days
        * 100
    )


def _hospital_aud(r: Recompute, s: dict, p: str) -> float:
    m = _antibacterial(r.month(p, "drug"))
    return m.loc[m["visit_type"] == "I", "ddds"].sum() / _dept(r, p, "patient_days").sum() * 100


def _ab_rate(r: Recompute, s: dict, p: str) -> float:
    m = r.month(p, "drug")
    m = m[(m["visit_type"] == s["visit_type"]) & (m["qty"] > 0)]
    return (m.assign(ab=m["antibacterial_level"] > 0).groupby(["patient", "date"])["ab"].max()).mean() * 100


def _special(r: Recompute, s: dict, p: str) -> float:
    m = _antibacterial(r.month(p, "drug"))
    return m.loc[m["antibacterial_level"] >= 3, "ddds"].sum() / m["ddds"].sum() * 100


def _of_rx(r: Recompute, s: dict, p: str) -> pd.DataFrame:
    m = r.month(p)
    return m[(m["rx"] == s["rx"]) & (m["qty"] > 0)]


def _over(r: Recompute, s: dict, p: str) -> int:
    m = _of_rx(r, s, p).merge(
        r.t["doctors"][["doctor", "antibacterial_level"]].rename(columns={"antibacterial_level": "own"}),
        on="doctor",
    )
    return int((m["antibacterial_level"] > m["own"]).sum())


def _sex(r: Recompute, s: dict, p: str) -> int:
    m = _of_rx(r, s, p).merge(r.t["patients"][["patient", "sex"]], on="patient")
    return int(
        (m["sex_limit"].isin(["M", "F"]) & m["sex"].isin(["M", "F"]) & (m["sex_limit"] != m["sex"])).sum()
    )


def _repeats(r: Recompute, s: dict, p: str) -> int:
    def every() -> pd.Series:
        d = (
            r.drugs[r.drugs["qty"] > 0][["patient", "item", "date"]]
            .drop_duplicates()
            .sort_values(["patient", "item", "date"])
        )
        d["before"] = d.groupby(["patient", "item"])["date"].shift()
        d = d[(pd.to_datetime(d["date"]) - pd.to_datetime(d["before"])).dt.days <= 7]
        m = r.drugs[r.drugs["qty"] > 0][
            ["patient", "item", "date", "department", "doctor", "month"]
        ].drop_duplicates()
        return m.merge(d, on=["patient", "item", "date"]).groupby(["department", "doctor", "month"]).size()

    return int(r.kept(("repeat",), every)[(s["department"], s["doctor"], p)])


def _split(r: Recompute, s: dict, p: str) -> int:
    m = r.month(p, "drug")
    m = m[
        (m["doctor"] == s["doctor"])
        & (m["patient"] == s["patient"])
        & (pd.to_datetime(m["date"]).dt.strftime("%Y-%m-%d") == s["date"])
    ]
    return int(m[m["visit_type"].isin(["O", "E"])]["rx"].nunique())


def _gap(r: Recompute, s: dict, p: str) -> float:
    m = r.month(p)
    m = m[(m["item"] == s["item"]) & (m["qty"] > 0)]
    items = r.t["items"]
    return (
        m["amount"].sum() / m["qty"].sum() / float(items.loc[items["item"] == s["item"], "price"].iloc[0]) - 1
    ) * 100


def _visits(r: Recompute, s: dict, p: str) -> int:
    v = r.t["rep_visits"]
    month = pd.to_datetime(v["date"]).dt.to_period("M")
    last = pd.Period(p)
    return int(((v["rep"] == s["rep"]) & ~v["registered"] & (month <= last) & (month > last - 3)).sum())


def _queries(r: Recompute, s: dict, p: str) -> int:
    log = r.t["access_log"]
    log = log[log["user"] == s["user"]].assign(
        month=pd.to_datetime(log["time"]).dt.to_period("M"), hour=pd.to_datetime(log["time"]).dt.hour
    )
    recent = log[(log["month"] <= pd.Period(p)) & (log["month"] > pd.Period(p) - 6)]
    usual = recent["ip"].value_counts(normalize=True)
    q = log[(log["month"] == pd.Period(p)) & (log["group_by"] == "doctor_x_drug")]
    score = (
        1
        + (q["rows"] >= 100).astype(int)
        + (~q["role"].isin(["pharmacy", "discipline", "audit"])).astype(int)
    )
    score += ((q["hour"] >= 22) | (q["hour"] < 6)).astype(int) + (q["ip"].map(usual) < 0.2).astype(int)
    return int((score >= 2).sum())


_PEERS: dict[str, Callable[[Recompute, dict, str], pd.Series]] = {
    "C1_COST_PER_RX": _cost, "C2_DRUG_SHARE": _share, "C5_CONCENTRATION": _top, "B1_ITEM_GROWTH": _amounts, "B4_CONS_RATIO": _cons, "B4_AUD_JUMP": _aud,
}  # fmt: skip
_OWN: dict[str, Callable[[dict], Any]] = {
    **{c: lambda s: s["doctor"] for c in ("C1_COST_PER_RX", "C2_DRUG_SHARE", "C5_CONCENTRATION")},
    "B1_ITEM_GROWTH": lambda s: s["item"], "B4_CONS_RATIO": lambda s: s["department"], "B4_AUD_JUMP": lambda s: s["department"],
}  # fmt: skip
_RULES: dict[str, Callable[[Recompute, dict, str], float]] = {
    **{code: (lambda table, own: lambda r, s, p: table(r, s, p)[own(s)])(_PEERS[code], _OWN[code]) for code in _PEERS},
    "A2_CONS_INDEX": lambda r, s, p: _cons(r, s, p)[s["department"]],
    "A3_AUD": _hospital_aud, "A4_AB_RATE": _ab_rate, "A5_SPECIAL_SHARE": _special,
    "D1_RX_GT5": lambda r, s, p: _of_rx(r, s, p).query("kind == 'drug'")["item"].nunique(),
    "D3_AB_LEVEL": _over, "D4_SEX_LIMIT": _sex, "D8_REPEAT_7D": _repeats, "D14_SPLIT_RX": _split,
    "E1_PRICE_GAP": _gap, "E4_REP_UNREGISTERED": _visits, "E6_TONGFANG": _queries,
}  # fmt: skip


def differences(findings: list[Any], recompute: Recompute) -> list[str]:
    """Every finding whose value, peers' values or peers' spread is not the same after rounding."""
    wrong = []
    for f in findings:
        place = f"{f.rule} {f.subject} {f.period}"
        value = recompute.value(f)
        if round9(float(f.value)) != value:
            wrong.append(f"{place}: {f.value} ≠ {value}")
        others = recompute.peers(f)
        if others is None:
            continue
        shown = [float(v["value"]) for v in f.peers.values]
        if shown != others[: len(shown)] or f.peers.n != len(others):
            wrong.append(f"{place}: peers differ")
        for name, number in spread(others).items() if len(others) >= 5 else ():  # fewer have no spread
            said = getattr(f.peers, name)
            if said is None and len(others) < FEWEST_PEERS:
                continue  # too few to speak of a spread
            if said is None or float(said) != round9(number):
                wrong.append(f"{place}: {name} {getattr(f.peers, name)} ≠ {number}")
    return wrong


# ---- the store


def check(hospital: Any, run: Any = None) -> list[str]:
    """Differences between a stored run (default: the newest live one) and its pinned files. Raises LookupError without a run."""
    from plugins.warning.models import Finding, WarningRun

    if run is None:
        run = WarningRun.unscoped.filter(hospital=hospital, state="done", live=True).first()
    if run is None:
        raise LookupError("no finished run")
    numbers = _numbers(hospital)
    rows = Finding.unscoped.filter(run=run).select_related("rule").order_by("id")
    return differences([_stored(row, numbers) for row in rows], Recompute(_pinned(hospital, run)))


def _pinned(hospital: Any, run: Any) -> dict[str, pd.DataFrame]:
    """The month files that the run noted, read by pandas: the engine's own reader is not asked."""
    from core.lake.land import root
    from core.lake.models import MonthVersion

    tables = {}
    for dataset, pins in run.pins.items():
        wanted = {(month, number) for month, number in pins}
        versions = MonthVersion.unscoped.filter(hospital=hospital, dataset=dataset).order_by(
            "month", "version"
        )
        parts = [
            pd.read_parquet(root() / v.path, partitioning=None)
            for v in versions
            if (v.month, v.version) in wanted
        ]
        if parts:
            tables[dataset] = pd.concat(parts, ignore_index=True)
    return tables


def _numbers(hospital: Any) -> dict[tuple[str, str], int]:
    from core.lake.models import LakeCode

    codes = LakeCode.objects.filter(hospital_id=hospital.id).exclude(kind="patient")
    return {(kind, code): number for kind, code, number in codes.values_list("kind", "code", "number")}


def _stored(row: Any, numbers: dict[tuple[str, str], int]) -> Any:
    """A stored finding in the engine's form: subject in numbers, peers as shown."""
    subject: dict[str, Any] = dict(row.subject)
    for name in {"doctor", "item"} & set(subject):
        subject[name] = numbers[name, subject[name]]
    if "patient" in subject:
        subject["patient"] = int(subject["patient"].removeprefix("患者 "))
    peers = row.detail.get("peers")
    return SimpleNamespace(
        rule=row.rule.code,
        subject=subject,
        period=row.period,
        value=row.value,
        peers=SimpleNamespace(**peers) if peers else None,
    )


def main() -> int:
    """Reads, compares, prints; 0 when everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home")
    parser.add_argument("hospital")
    parser.add_argument("--as-of", dest="as_of")
    options = parser.parse_args()
    os.environ["QINGLIAN_HOME"] = options.home
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.embedded")
    import django

    django.setup()
    from core.org.models import Hospital
    from plugins.warning.models import Finding, WarningRun

    hospital = Hospital.objects.get(slug=options.hospital)
    runs = WarningRun.unscoped.filter(hospital=hospital, state="done")
    run = runs.filter(as_of=options.as_of).first() if options.as_of else runs.filter(live=True).first()
    if run is None:
        print("no finished run")
        return 1
    wrong = check(hospital, run)
    print(f"recomputed {Finding.unscoped.filter(run=run).count()} findings, {len(wrong)} differ")
    for line in wrong[:50]:
        print("  ", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
