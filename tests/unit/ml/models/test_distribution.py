"""Distributions of counts agree with scipy, and variances of sums with simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.errors import InputError
from ml.models.distribution import Counts, Spread, cell_distribution

MEAN = np.array([1e-6, 0.05, 0.4, 1.0, 7.5, 40.0, 60.0, 900.0])


def law(mean, spread):
    variance = mean * (1 + spread.linear) + spread.quadratic * mean**2
    if spread == Spread():
        return stats.poisson(mean)
    return stats.nbinom(mean**2 / (variance - mean), mean / variance)


@pytest.mark.parametrize("spread", [Spread(), Spread(quadratic=0.7), Spread(linear=0.3), Spread(0.2, 3.0)])
def test_cells_agree_with_scipy(spread):
    found, oracle = cell_distribution(MEAN, spread), law(MEAN, spread)
    np.testing.assert_allclose(found.probability_any, oracle.sf(0), rtol=1e-6)
    np.testing.assert_array_equal(found.lower_80, oracle.ppf(0.1))
    np.testing.assert_array_equal(found.upper_80, oracle.ppf(0.9))
    for count in (-1, 0, 1, 8, 55, 870):
        at = np.full(len(MEAN), count)
        np.testing.assert_allclose(Counts.of_cells(MEAN, spread).cdf(at), oracle.cdf(count), rtol=1e-6, atol=1e-12)


def test_the_variance_of_a_sum_agrees_with_simulation():
    random = np.random.default_rng(4)
    expected, group = np.array([0.5, 2.0, 1.0, 4.0]), np.array([0, 1, 0, 1])
    spread = Spread(quadratic=0.3, shared=0.2)
    days = 400_000
    level = random.gamma(1 / 0.2, 0.2, (days, 1))
    # a cell's own rate varies about the level so that both excesses are relative variances
    rate = expected * level * random.gamma(1 / 0.3, 0.3, (days, 4))
    counts = random.poisson(rate)
    sums = np.stack([counts[:, group == number].sum(axis=1) for number in (0, 1)], axis=1)
    found = Counts.of_sums(expected, spread, group, 2)
    np.testing.assert_allclose(found.mean, sums.mean(axis=0), rtol=0.01)
    # the sum of both excesses neglects their product, 0.06 * sum of squares
    product = 0.3 * 0.2 * np.bincount(group, expected**2)
    np.testing.assert_allclose(found.mean * (1 + found.dispersion) + product, sums.var(axis=0), rtol=0.02)


def test_an_expectation_of_0_and_an_empty_group_give_0():
    found = cell_distribution(np.zeros(3), Spread(0.5, 0.5))
    assert not found.probability_any.any()
    assert not found.upper_80.any()
    sums = Counts.of_sums(np.array([1.0]), Spread(0.1, 0.1, 0.1), np.array([0]), 2)
    np.testing.assert_array_equal(sums.mean, [1.0, 0.0])
    assert sums.cdf(np.array([0, 0]))[1] == 1.0


@settings(max_examples=60, deadline=None)
@given(mean=st.floats(1e-4, 300), linear=st.floats(0, 3), quadratic=st.floats(0, 3), more=st.floats(0.1, 5))
def test_intervals_hold_80_percent_and_grow_with_the_spread(mean, linear, quadratic, more):
    counts = Counts.of_cells(np.array([mean]), Spread(linear, quadratic))
    lower, upper = counts.interval_80()
    assert counts.cdf(upper)[0] >= 0.9 - 1e-9
    assert counts.cdf(lower - 1)[0] <= 0.1 + 1e-9
    wider = Counts.of_cells(np.array([mean]), Spread(linear + more, quadratic))
    assert wider.probability_none()[0] >= counts.probability_none()[0]


def test_a_spread_below_zero_is_refused():
    with pytest.raises(InputError, match="no part below zero"):
        Spread(quadratic=-0.1)
