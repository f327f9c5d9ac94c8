"""Robust statistics of warnings.md §2 in numpy, on small monthly results. No table, no rule is known here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST_PEERS = 5  # warnings.md §2


def round9(value: float) -> float:
    """Nine significant digits: what a measure is rounded to before it meets a band, so that engines agree."""
    return value if value is None or not np.isfinite(value) else float(f"{value:.9g}")


def round9_all(values: np.ndarray) -> np.ndarray:
    """`round9` of each; missing stays missing."""
    return np.array([round9(v) for v in np.asarray(values, dtype=float)], dtype=float)


@dataclass(frozen=True)
class Spread:
    """What the others of a group look like. `scale` is the unit of z: MAD / 0.6745, or 1.2533 mean deviations where MAD is 0."""

    n: int
    median: float = np.nan
    mad: float = np.nan
    scale: float = np.nan
    p10: float = np.nan
    p90: float = np.nan

    def z(self, value: float) -> float:
        """How many robust deviations a value lies above the others; missing when they do not differ at all."""
        return (value - self.median) / self.scale if self.scale > 0 else np.nan


def spread(others: np.ndarray) -> Spread:
    """Median, MAD and percentiles (linear interpolation) of the others; bare count when there are fewer than five."""
    others = others[~np.isnan(others)]
    if len(others) < FEWEST_PEERS:
        return Spread(len(others))
    ordered = np.sort(others)
    median, p10, p90 = (_quantile(ordered, q) for q in (0.5, 0.1, 0.9))
    deviation = np.abs(ordered - median)
    mad = _quantile(np.sort(deviation), 0.5)
    # a MAD that is only rounding noise of equal values counts as 0
    tiny = 1e-9 * max(1e-12, abs(float(median)))
    scale = mad / 0.6745 if mad > tiny else 1.2533 * float(deviation.mean())
    return Spread(len(others), median, mad, scale if scale > tiny else 0.0, p10, p90)


def _quantile(ordered: np.ndarray, q: float) -> float:
    """Linear interpolation, as numpy's; many times faster than np.quantile on a handful of values."""
    place = (len(ordered) - 1) * q
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


def percentile_rank(value: float, others: np.ndarray) -> float:
    """(lowest rank − 1) / (m − 1) · 100 among the value and its peers."""
    others = others[~np.isnan(others)]
    return (
        float((others < value).sum() / len(others) * 100) if len(others) and not np.isnan(value) else np.nan
    )


@dataclass(frozen=True)
class CusumPoint:
    """One month of a CUSUM: the sum, its limit, the target it measures from, whether the month is in alert and for how many running."""

    total: float
    limit: float
    target: float
    alert: bool
    run: int


def cusum(
    values: np.ndarray, window: int, sensitivity: float, freeze: bool = True
) -> list[CusumPoint | None]:
    """Upper CUSUM in OpenPrescribing's form; None inside the first window and where the value is missing.

    target m = mean, limit T = population deviation · k of the first `window` points, slack T / 2k. With `freeze` the target and limit stay
    as they were before the alert until a month falls back within the slack; then the sum starts again (a baseline that learns
    from the alert itself would call the new level normal after some months). Without it m is taken anew from the last window and T
    only when the sum turns, as OpenPrescribing does.
    """
    points: list[CusumPoint | None] = []
    known: list[float] = []
    target = limit = total = 0.0
    run = 0
    for value in np.asarray(values, dtype=float):
        if np.isnan(value):
            points.append(None)
            continue
        known.append(float(value))
        if len(known) < window:
            points.append(None)
            continue
        if len(known) == window:
            target, limit = float(np.mean(known)), float(np.std(known)) * sensitivity
            points.append(None)
            continue
        slack = limit / (2 * sensitivity)
        inside = value - target <= slack
        if run and freeze and inside:
            total, run = 0.0, 0
        elif run and not freeze:
            target = float(np.mean(known[-window - 1 : -1]))
            if value - target - limit / (2 * sensitivity) <= 0:
                limit, total, run = float(np.std(known[-window - 1 : -1])) * sensitivity, 0.0, 0
            slack = limit / (2 * sensitivity)
        total = round(max(0.0, total + float(value) - target - slack), 2)
        alert = total > limit and value - target > slack
        run = run + 1 if alert else 0
        points.append(CusumPoint(total, limit, target, alert, run))
    return points
