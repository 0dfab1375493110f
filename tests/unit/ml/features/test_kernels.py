"""Properties of the building blocks: memories, smoothing, mixture weights, the city's level."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_matrix

from ml.features.recency import memories
from ml.features.smoothing import Smoother
from ml.models.level import Level
from ml.models.mixture import mixture_weights
from ml.panel.panel import TARGET, Cells, Panel

FIRST_DAY = date(2023, 1, 1)


def lattice(rows, cols, size=250, without=()):
    place = [(row, col) for row in range(rows) for col in range(cols) if (row, col) not in without]
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"N{row:02}E{col:02}" for row, col in place],
                "easting_m": [size * (col + 0.5) for _, col in place],
                "northing_m": [size * (row + 0.5) for row, _ in place],
                "cell_size_m": [size] * len(place),
            }
        )
    )


@settings(max_examples=30, deadline=None)
@given(counts=arrays(np.int64, (12, 3), elements=st.integers(0, 4)), half_life=st.floats(0.5, 400))
def test_a_memory_is_the_weighted_mean_of_the_days_before(counts, half_life):
    ends = list(range(13))
    found = list(memories(csr_matrix(counts.astype(float)), [half_life], ends))
    for end in range(1, 13):
        weight = 0.5 ** (np.arange(end)[::-1] / half_life)
        brute = (counts[:end] * weight[:, None]).sum(axis=0) / weight.sum()
        np.testing.assert_allclose(found[end][0], brute, rtol=1e-9, atol=1e-12)
    assert not found[0].any()


def test_days_must_ascend():
    with pytest.raises(ValueError, match="ascend"):
        list(memories(csr_matrix(np.ones((5, 2))), [3.0], [4, 2]))


@settings(max_examples=20, deadline=None)
@given(
    values=arrays(np.float64, (2, 34), elements=st.floats(0, 5)), bandwidth=st.sampled_from([0.0, 120.0, 250.0, 900.0])
)
def test_smoothing_keeps_the_sum_at_the_edge(values, bandwidth):
    cells = lattice(6, 6, without={(0, 0), (5, 5)})
    smooth = Smoother(cells, [bandwidth]).spread(values, 0)
    np.testing.assert_allclose(smooth.sum(axis=1), values.sum(axis=1), rtol=1e-4, atol=1e-4)
    assert smooth.min() >= -1e-6


def test_smoothing_is_the_gaussian_of_the_distance():
    cells = lattice(21, 21)
    point = np.zeros((1, len(cells)))
    point[0, 10 * 21 + 10] = 1.0
    smooth = Smoother(cells, [500.0]).spread(point, 0)[0].reshape(21, 21)
    assert smooth[10, 12] / smooth[10, 10] == pytest.approx(np.exp(-0.5), rel=0.03)
    np.testing.assert_allclose(smooth, smooth.T, atol=1e-7)


@settings(max_examples=30, deadline=None)
@given(
    density=arrays(np.float64, (40, 4), elements=st.floats(1e-6, 1.0)),
    count=arrays(np.int64, 40, elements=st.integers(1, 3)),
)
def test_mixture_weights_are_a_distribution_that_no_component_alone_beats(density, count):
    weights = mixture_weights(density, count)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1.0)
    mixed = float(np.sum(count * np.log(density @ weights)))
    alone = (count[:, None] * np.log(density)).sum(axis=0).max()
    assert mixed >= alone - 1e-2 * count.sum()


def test_mixture_weights_find_the_planted_mixture():
    random = np.random.default_rng(3)
    densities = random.dirichlet(np.full(50, 0.3), size=3)
    planted = np.array([0.6, 0.3, 0.1])
    events = random.choice(50, 20_000, p=planted @ densities)
    found = mixture_weights(densities[:, events].T, np.ones(len(events)))
    np.testing.assert_allclose(found, planted, atol=0.03)


def one_cell(totals):
    cell = {"cell_id": ["A"], "easting_m": [0.0], "northing_m": [0.0], "cell_size_m": [250]}
    layers = {TARGET: csr_matrix(totals[:, None])}
    return Panel(Cells.from_frame(pl.DataFrame(cell)), FIRST_DAY, layers)


def test_the_level_learns_weekday_and_season():
    days = [FIRST_DAY + timedelta(days=offset) for offset in range(3 * 365)]
    turn = 2 * np.pi * np.array([day.timetuple().tm_yday for day in days]) / 365.25
    truth = 200 * np.exp(0.15 * np.cos(turn) + 0.2 * np.array([day.weekday() == 5 for day in days]))
    totals = np.random.default_rng(5).poisson(truth).astype(float)
    seen = 3 * 365 - 60
    level = Level.fit(one_cell(totals[:seen]))
    expected = level.predict(one_cell(totals), days[seen:])
    assert np.abs(expected / truth[seen:] - 1).mean() < 0.04
    assert expected.sum() / truth[seen:].sum() == pytest.approx(1.0, abs=0.03)


def test_the_level_sees_no_later_day():
    totals = np.random.default_rng(6).poisson(30, 200).astype(float)
    level = Level.fit(one_cell(totals[:150]), horizon_days=3)
    changed = totals.copy()
    changed[158:] = 999
    day = [FIRST_DAY + timedelta(days=160)]
    assert level.predict(one_cell(totals), day, 3) == level.predict(one_cell(changed), day, 3)


def test_cells_of_several_sizes_are_refused():
    from ml.errors import InputError

    frame = pl.DataFrame(
        {"cell_id": ["a", "b"], "easting_m": [0.0, 1.0], "northing_m": [0.0, 1.0], "cell_size_m": [250, 500]}
    )
    with pytest.raises(InputError, match=r"cells: 2 cells of sizes \[250, 500\] m; expected .* Check the boundary"):
        Cells.from_frame(frame)
