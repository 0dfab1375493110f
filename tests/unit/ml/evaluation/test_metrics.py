"""The metrics: known values, bounds, and ties that do not depend on the order of the file."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from ml.evaluation.metrics import poisson_deviance, poisson_log_score, pool, risk_order, score_day

DAY = date(2024, 5, 1)


@settings(max_examples=50, deadline=None)
@given(
    expected=arrays(np.float64, 200, elements=st.floats(0, 2)),
    observed=arrays(np.int64, 200, elements=st.integers(0, 3)),
)
def test_pei_never_exceeds_one_and_pai_is_hit_rate_over_area(expected, observed):
    flat = np.full(200, 0.1)
    metrics = pool([score_day(expected, flat, observed, DAY)])
    if not observed.any():
        assert metrics.pai[1] is metrics.pei[1] is metrics.information_gain is None
        return
    for percent, cells in ((1, 2), (2, 4), (5, 10)):
        assert 0 <= metrics.pei[percent] <= 1
        assert metrics.pai[percent] == pytest.approx(metrics.hit_rate[percent] / (cells / 200))


def test_a_perfect_map_has_pei_one_and_a_flat_map_gains_nothing():
    observed = np.zeros(100)
    observed[[7, 42]] = 3
    flat = np.full(100, 0.06)
    assert pool([score_day(observed + 0.01, flat, observed, DAY)]).pei == {1: 1.0, 2: 1.0, 5: 1.0}
    assert pool([score_day(flat, flat, observed, DAY)]).information_gain == 0


def test_scores_agree_with_scipy():
    random = np.random.default_rng(1)
    expected, observed = random.uniform(0.01, 2, 50), random.poisson(0.5, 50)
    assert poisson_log_score(expected, observed) == pytest.approx(stats.poisson.logpmf(observed, expected).sum())
    saturated = stats.poisson.logpmf(observed, np.maximum(observed, 1e-12)).sum()
    assert poisson_deviance(expected, observed) == pytest.approx(
        2 * (saturated - poisson_log_score(expected, observed))
    )


def test_pooling_sums_before_it_divides():
    flat = np.full(100, 0.02)
    busy, quiet = np.zeros(100), np.zeros(100)
    busy[0], quiet[99] = 9, 1
    first = np.linspace(1, 0, 100)
    pooled = pool([score_day(first, flat, busy, DAY), score_day(first, flat, quiet, DAY)])
    assert pooled.hit_rate[1] == pytest.approx(0.9)
    assert (pooled.days, pooled.incident_count) == (2, 10)


def test_ties_are_broken_reproducibly_but_not_by_order():
    even = np.ones(1000)
    order = risk_order(even, DAY)
    np.testing.assert_array_equal(order, risk_order(even, DAY))
    assert not np.array_equal(order, np.arange(1000))
    assert not np.array_equal(order, risk_order(even, date(2024, 5, 2)))
    assert sorted(order) == list(range(1000))
