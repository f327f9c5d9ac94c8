"""The small monthly result of a rule as a pandas table, and the statistics that rules ask for, added as columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from . import expr as x
from .rules import CusumStatistic, Frame, GrowthStatistic, PeerStatistic, RollingStatistic, Rule
from .statistics import Spread, cusum, percentile_rank, round9, round9_all, spread


class Measured:
    """All subjects' values by month. `table`: grain columns, month, figures, value and statistics; sorted, index 0…."""

    def __init__(
        self, rule: Rule, table: pd.DataFrame, base: pd.DataFrame | None, values: Mapping[str, Any]
    ) -> None:
        self.rule, self.values = rule, values
        self.basis = ""
        self.table = _tidy(rule, table)
        self.base = _tidy(rule, base) if base is not None else None
        self.keys = (
            [tuple(k) for k in self.table[list(rule.grain)].itertuples(index=False, name=None)]
            if rule.grain
            else [()] * len(self.table)
        )
        self.months: list[str] = self.table["month"].tolist()
        self.value: list[float] = self.table["value"].to_numpy(float).tolist()
        self.rows: dict[tuple[tuple, str], int] = {
            (k, m): i for i, (k, m) in enumerate(zip(self.keys, self.months, strict=True))
        }
        self.by: tuple[str, ...] | None = next(
            (s.by for s in rule.statistics if not isinstance(s, RollingStatistic)), None
        )
        self.zero_fill = any(isinstance(s, PeerStatistic) and s.zero_fill for s in rule.statistics)
        self._groups = self._group() if self.by is not None else {}
        self._base_groups = self._group_base() if self.base is not None else {}
        for statistic in rule.statistics:
            self._add(statistic)

    def peers(self, row: int) -> list[tuple[dict[str, Any], float]]:
        """The others of the row's group in its month with their values; those without a row count 0 where the rule says so."""
        if self.by is None:
            return []
        rows, absent = self._others(row)
        others = [(self.subject(i), self.value[i]) for i in rows] + [
            (self._named(key), 0.0) for key in absent
        ]
        return [(s, v) for s, v in others if not np.isnan(v)]

    def spread(self, row: int) -> Spread:
        """Robust spread of the row's peers."""
        return spread(self._other_values(row))

    def _other_values(self, row: int) -> np.ndarray:
        rows, absent = self._others(row)
        return np.array([self.value[i] for i in rows] + [0.0] * len(absent), dtype=float)

    def _others(self, row: int) -> tuple[list[int], list[tuple]]:
        group = self._groups[self._group_key(self.keys[row], self.months[row])]
        absent: list[tuple] = []
        if self.zero_fill:
            present = {self.keys[i] for i in group}
            absent = [key for key in self._base_keys(self.keys[row], self.months[row]) if key not in present]
        return [i for i in group if i != row], absent

    def subject(self, row: int) -> dict[str, Any]:
        """The subject of a row as stored in warnings; a class that is empty (no ATC) is left out."""
        return self._named(self.keys[row])

    def _named(self, key: tuple) -> dict[str, Any]:
        return {name: plain(value) for name, value in zip(self.rule.grain, key, strict=True) if value != ""}

    # ---- groups

    def _group_key(self, key: tuple, month: str) -> tuple:
        return (*(key[self.rule.grain.index(c)] for c in self.by or ()), month)

    def _group(self) -> dict[tuple, list[int]]:
        groups: dict[tuple, list[int]] = defaultdict(list)
        for i, (key, month) in enumerate(zip(self.keys, self.months, strict=True)):
            groups[self._group_key(key, month)].append(i)
        return groups

    def _group_base(self) -> dict[tuple, list[tuple]]:
        frame = next(f for f in self.rule.frames.values() if f.grain is not None)
        self._coarse = [c for c in frame.grain or () if c in self.rule.grain]
        self._shared = [c for c in self._coarse if c in (self.by or ())]
        assert self.base is not None
        groups: dict[tuple, list[tuple]] = defaultdict(list)
        for row in self.base[[*self._coarse, "month"]].itertuples(index=False, name=None):
            named = dict(zip([*self._coarse, "month"], row, strict=True))
            groups[(*(named[c] for c in self._shared), named["month"])].append(row[:-1])
        return groups

    def _base_keys(self, key: tuple, month: str) -> list[tuple]:
        named = dict(zip(self.rule.grain, key, strict=True))
        result = []
        for member in self._base_groups.get((*(named[c] for c in self._shared), month), []):
            other = named | dict(zip(self._coarse, member, strict=True))
            result.append(tuple(other[c] for c in self.rule.grain))
        return result

    # ---- statistics

    def _add(self, statistic: Any) -> None:
        add: dict[type, Callable[[Any], dict[str, Any]]] = {
            PeerStatistic: self._peers,
            GrowthStatistic: self._growth,
            CusumStatistic: self._cusum,
            RollingStatistic: self._rolling,
        }
        for name, column in add[type(statistic)](statistic).items():
            self.table[name] = column

    def _peers(self, statistic: PeerStatistic) -> dict[str, Any]:
        size, z_limit = len(self.table), float(x._constant(statistic.z, self.values))
        names = (
            "z",
            "peer_n",
            "peer_median",
            "peer_mad",
            "peer_p10",
            "peer_p90",
            "peer_ratio",
            "percentile",
            "peer_limit",
        )
        out = {name: np.full(size, np.nan) for name in names}
        values = self.table["value"].to_numpy(float)
        for i in np.flatnonzero(self.candidates() & ~np.isnan(values)):
            others = self._other_values(i)
            s = spread(others)
            z = s.z(values[i])
            row = (
                z,
                s.n,
                s.median,
                s.mad,
                s.p10,
                s.p90,
                values[i] / s.median if s.median else np.inf,
                percentile_rank(values[i], others),
                s.median + z_limit * s.scale,
            )
            for name, figure in zip(names, row, strict=True):
                out[name][i] = round9(figure)
        return out

    def candidates(self) -> np.ndarray:
        """Rows that the first frame's `keep` names: the others are only there as peers."""
        frame: Frame = next(iter(self.rule.frames.values()))
        if frame.keep is None or frame.keep_peers_of is None:
            return np.ones(len(self.table), dtype=bool)
        return x.on_frame(frame.keep, self.table, self.values).astype(bool)

    def _lag(self, months: int) -> np.ndarray:
        values = self.table["value"].to_numpy(float)
        back = [self.rows.get((k, _shift(m, -months))) for k, m in zip(self.keys, self.months, strict=True)]
        return np.array([np.nan if i is None else values[i] for i in back], dtype=float)

    def _growth(self, statistic: GrowthStatistic) -> dict[str, Any]:
        values, before, year = self.table["value"].to_numpy(float), self._lag(1), self._lag(12)
        growth = values / np.where(before == 0, np.nan, before) - 1
        out = {
            "previous": before,
            "growth": round9_all(growth),
            "growth_year": round9_all(values / np.where(year == 0, np.nan, year) - 1),
        }
        return out | {"delta": round9_all(values - before), "peer_growth": self._others_median(growth)}

    def _cusum(self, statistic: CusumStatistic) -> dict[str, Any]:
        names = ("cusum", "cusum_limit", "baseline", "baseline_ratio", "cusum_run", "cusum_band")
        out = {name: np.full(len(self.table), np.nan) for name in names}
        constant = {
            n: x._constant(getattr(statistic, n), self.values)
            for n in ("window", "short_window", "sensitivity")
        }
        months = sorted(set(self.table["month"]))
        values = self.table["value"].to_numpy(float)
        for key in dict.fromkeys(self.keys):
            rows = [self.rows.get((key, m)) for m in months]
            series = np.array([np.nan if r is None else values[r] for r in rows], dtype=float)
            short = cusum(
                series, int(constant["short_window"]), float(constant["sensitivity"]), statistic.freeze
            )
            long = (
                cusum(series, int(constant["window"]), float(constant["sensitivity"]), statistic.freeze)
                if len(months) >= statistic.long_history
                else short
            )
            for i, row in enumerate(rows):
                point = long[i] if i + 1 >= statistic.long_history else short[i]
                if row is None or point is None:
                    continue
                ratio = values[row] / point.target if point.target else np.nan
                slack = point.limit / (2 * float(constant["sensitivity"]))
                for name, figure in zip(
                    names,
                    (point.total, point.limit, point.target, ratio, point.run, point.target + slack),
                    strict=True,
                ):
                    out[name][row] = round9(figure)
        return out | {"peer_growth": self._others_median(out["baseline_ratio"] - 1)}

    def _rolling(self, statistic: RollingStatistic) -> dict[str, Any]:
        figures = pd.to_numeric(self.table[statistic.of]).to_numpy(float)
        total = np.zeros(len(self.table))
        for i, (key, month) in enumerate(zip(self.keys, self.months, strict=True)):
            back = (self.rows.get((key, _shift(month, -b))) for b in range(statistic.months))
            total[i] = sum(figures[r] for r in back if r is not None)
        return {statistic.name: total}

    def _others_median(self, growth: np.ndarray) -> np.ndarray:
        """Median of the others' growth in the group; the row itself left out (one sort per group, then two cases)."""
        out = np.full(len(growth), np.nan)
        for rows in self._groups.values():
            known = np.array([i for i in rows if not np.isnan(growth[i])], dtype=int)
            if len(known) < 6:
                continue
            order = known[np.argsort(growth[known], kind="stable")]
            ranked, m = growth[order], len(order)
            place = {int(i): p for p, i in enumerate(order)}
            low, high = (m - 2) // 2, (m - 1) // 2  # the middle of the m − 1 others
            for i in rows:
                if i not in place:
                    out[i] = np.median(ranked)
                    continue
                p = place[i]
                out[i] = (ranked[low + (low >= p)] + ranked[high + (high >= p)]) / 2
        return out


def plain(value: Any) -> Any:
    """A key as plain Python: numpy numbers and dates become int, text."""
    if isinstance(value, (pd.Timestamp,)) or hasattr(value, "isoformat"):
        return pd.Timestamp(value).date().isoformat()
    return value.item() if isinstance(value, np.generic) else value


def _tidy(rule: Rule, table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    table["month"] = pd.to_datetime(table.pop("period")).dt.strftime("%Y-%m")
    for name in rule.grain:
        if name in table.columns:
            table = table[table[name].notna()]
            table[name] = table[name].map(plain)
    if "value" in table.columns:
        table["value"] = round9_all(pd.to_numeric(table["value"]).to_numpy(float))
    order = ["month", *[g for g in rule.grain if g in table.columns]]
    return table.sort_values(
        order, kind="stable", key=lambda c: c if c.name == "month" else c.map(_sortable)
    ).reset_index(drop=True)


def _sortable(value: Any) -> str:
    return f"{value:020d}" if isinstance(value, int) else str(value)


def _shift(month: str, by: int) -> str:
    index = int(month[:4]) * 12 + int(month[5:]) - 1 + by
    return f"{index // 12:04d}-{index % 12 + 1:02d}"
