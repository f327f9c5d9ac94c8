"""Statistics of warnings.md §2, reckoned by hand."""

import numpy as np
import pytest

from plugins.warning.domain.statistics import cusum, percentile_rank, round9, spread


def test_robust_z_by_hand():
    s = spread(np.array([1.0, 2, 3, 4, 100]))
    assert (s.n, s.median, s.mad) == (5, 3, 1)
    assert s.z(10) == pytest.approx(0.6745 * 7)


def test_without_mad_the_mean_deviation_serves_and_without_both_nothing():
    s = spread(np.array([5.0, 5, 5, 5, 10]))  # MAD 0, mean deviation 1
    assert s.z(7.5066) == pytest.approx(2.5066 / 1.2533)
    assert np.isnan(spread(np.full(6, 5.0)).z(9))


def test_fewer_than_five_peers_have_no_spread():
    assert np.isnan(spread(np.array([1.0, 2, 3, np.nan, 4])).median)


def test_quantiles_interpolate_as_numpy():
    values = np.array([3.0, 1, 4, 1, 5, 9, 2, 6])
    s = spread(values)
    assert (s.p10, s.p90, s.median) == pytest.approx(tuple(np.quantile(values, [0.1, 0.9, 0.5])))


def test_percentile_rank():
    assert percentile_rank(5, np.array([1.0, 2, 5, 9])) == 50


def test_cusum_by_hand():
    # window 4 of 1, 3, 1, 3: m = 2, sd = 1, T = 5, slack 0.5; then 6: S = 3.5, 6: S = 7 > 5 alert, 2: back, starts again
    points = cusum(np.array([1.0, 3, 1, 3, 6, 6, 6, 2, 6]), 4, 5)
    assert points[:4] == [None] * 4
    assert [(p.total, p.alert, p.run) for p in points[4:]] == [
        (3.5, False, 0),
        (7.0, True, 1),
        (10.5, True, 2),
        (0.0, False, 0),
        (3.5, False, 0),
    ]
    assert {p.target for p in points[4:]} == {2.0}


def test_cusum_leaves_missing_months_out():
    assert cusum(np.array([1.0, np.nan, 3, 1, 3, 6]), 4, 5)[-1].total == 3.5


def test_nine_digits():
    assert round9(0.1 + 0.2) == 0.3
    assert round9(123456789.49) == 123456789.0
