"""Baselines and peers against closed forms, naive loops, published figures and planted parameters."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from ml.models.baselines import ExponentialDecay, KernelDensity, Mean, WeekdayMean
from ml.models.peers.branching import Branching
from ml.models.peers.cell_etas import CellEtas
from ml.models.peers.gi_star import GiStar, LocalStatistic
from ml.models.peers.prospective import ProspectiveHotspot
from ml.models.peers.self_exciting import Excitation, SelfExciting
from ml.models.peers.spacetime import SpaceTimeDensity
from ml.models.registry import ALL, BASELINES, DEFAULT, METHODS, methods_named
from ml.models.risk_map import RiskMap, tuning_days
from ml.panel.panel import TARGET, Cells, Panel

FIRST_DAY = date(2022, 1, 1)
MAPS = {name: method for name, method in METHODS.items() if isinstance(method, RiskMap)}


def places(x, y, size):
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"{number:06}" for number in range(len(x))],
                "easting_m": np.asarray(x, dtype=float),
                "northing_m": np.asarray(y, dtype=float),
                "cell_size_m": [size] * len(x),
            }
        )
    )


def lattice(rows, cols, size=250, without=()):
    place = np.array([(row, col) for row in range(rows) for col in range(cols) if (row, col) not in without])
    return places(size * place[:, 1], size * place[:, 0], size)


def panel_of(counts, cells):
    return Panel(cells, FIRST_DAY, {TARGET: csr_matrix(np.asarray(counts, dtype=float))})


@pytest.fixture(scope="module")
def cells():
    return lattice(9, 8, without={(0, 0), (8, 7), (4, 4)})


@pytest.fixture(scope="module")
def counts(cells):
    """Few incidents over 150 days, more in some cells and on weekends."""
    random = np.random.default_rng(21)
    weekend = np.array([(FIRST_DAY + timedelta(days=row)).weekday() >= 5 for row in range(150)])
    return random.poisson(np.outer(1 + weekend, random.gamma(0.4, 0.1, len(cells))))


@pytest.fixture(scope="module")
def panel(cells, counts):
    return panel_of(counts, cells)


def risk(method, panel, row, horizon_days=1):
    (found,) = method.risks(panel, [FIRST_DAY + timedelta(days=row)], horizon_days)
    return found


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("window", [1, 7, None])
def test_a_mean_is_the_mean_of_the_days_before(panel, counts, window, horizon):
    end = 120 - horizon + 1
    expected = counts[:end][-(window or end) :].mean(axis=0)
    np.testing.assert_allclose(risk(Mean(window_days=window), panel, 120, horizon), expected)


@pytest.mark.parametrize(("horizon", "latest"), [(1, 113), (7, 113), (8, 106), (20, 99)])
def test_a_weekday_mean_looks_at_the_same_weekday_only(panel, counts, horizon, latest):
    found = risk(WeekdayMean(windows_weeks=(5,)), panel, 120, horizon)
    np.testing.assert_allclose(found, counts[[latest - 7 * back for back in range(5)]].mean(axis=0))


def test_exponential_decay_is_the_closed_form(panel, counts):
    weight = 0.5 ** (np.arange(117)[::-1] / 20)
    np.testing.assert_allclose(
        risk(ExponentialDecay(half_lives_days=(20,)), panel, 120, 4), weight @ counts[:117] / weight.sum()
    )


def test_a_spacetime_density_is_decay_in_time_and_a_gaussian_in_space():
    cells = lattice(41, 41)
    counts = np.zeros((60, len(cells)))
    middle, other = 28 * 41 + 28, 12 * 41 + 12
    counts[40, middle] = counts[20, other] = 1
    found = risk(SpaceTimeDensity(half_lives_days=(10,), bandwidths_m=(500,)), panel_of(counts, cells), 60)
    assert found[middle] / found[other] == pytest.approx(4.0, rel=1e-3)
    assert found[middle + 2] / found[middle] == pytest.approx(np.exp(-0.5), rel=0.03)


@pytest.mark.parametrize("horizon", [1, 4])
def test_prospective_weights_agree_with_a_double_loop(cells, counts, panel, horizon):
    end = 140 - horizon + 1
    expected = np.zeros(len(cells))
    for row in range(max(end - 56, 0), end):
        for source in np.flatnonzero(counts[row]):
            for cell in range(len(cells)):
                metres = 250 * np.hypot(cells.row[cell] - cells.row[source], cells.col[cell] - cells.col[source])
                if metres <= 400:
                    weeks, half_cells = (end - 1 - row) // 7, int(metres // 125)
                    expected[cell] += counts[row, source] / (1 + half_cells) / (1 + weeks)
    found = risk(ProspectiveHotspot(radii_m=(400,), windows_weeks=(8,)), panel, 140, horizon)
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_gi_star_gives_the_published_scores_of_a_small_example():
    """Six points and their Gi* with binary weights within 15, from the documentation of PySAL's esda.G_Local."""
    cells = places([10, 20, 40, 15, 30, 30], [10, 10, 10, 20, 20, 30], 5)
    z = LocalStatistic(cells, 15).z(np.array([2, 3, 3.2, 5, 8, 7]))
    np.testing.assert_allclose(
        z, [-1.39727626, -0.28917762, 0.65064964, -0.28917762, 1.23452088, 2.02424331], rtol=1e-6
    )


def test_gi_star_agrees_with_the_dense_formula(cells, counts):
    x, n = counts.sum(axis=0), len(cells)
    metres = 250 * np.hypot(np.subtract.outer(cells.row, cells.row), np.subtract.outer(cells.col, cells.col))
    w = (metres <= 600).astype(float)
    spread = np.sqrt((n * (w**2).sum(axis=1) - w.sum(axis=1) ** 2) / (n - 1))
    expected = (w @ x - x.mean() * w.sum(axis=1)) / (x.std() * spread)
    np.testing.assert_allclose(LocalStatistic(cells, 600).z(x.astype(float)), expected, rtol=1e-6)


def test_gi_star_of_equal_counts_is_zero(cells):
    assert not LocalStatistic(cells, 600).z(np.full(len(cells), 3.0)).any()


def test_gi_star_keeps_its_ranking_and_its_ties():
    cells = lattice(15, 15)
    counts = np.zeros((100, len(cells)))
    counts[90, [7 * 15 + 3, 7 * 15 + 11]] = 1
    panel = panel_of(counts, cells)
    expected = GiStar(radii_m=(250,), windows_days=(91,)).predict(panel, [FIRST_DAY + timedelta(days=100)])[0]
    values = np.unique(expected)
    assert len(values) < 8
    assert (expected == values[-1]).sum() == 10
    z = LocalStatistic(cells, 250).z(counts.sum(axis=0))
    assert (np.argsort(-z, kind="stable")[:10] == np.argsort(-expected, kind="stable")[:10]).all()


@pytest.mark.parametrize("name", MAPS)
def test_every_map_keeps_total_and_order_and_has_no_zero_risk(panel, name):
    day = [FIRST_DAY + timedelta(days=140)]
    fitted = MAPS[name].fit(panel, day[0] - timedelta(days=1))
    expected = fitted.predict(panel, day)[0]
    assert expected.sum() == pytest.approx(panel.totals[112:140].mean(), rel=1e-6)
    assert expected.min() > 0
    order = np.argsort(risk(fitted, panel, 140), kind="stable")
    assert (np.diff(expected[order]) >= 0).all()
    assert np.ptp(expected) > 0


@pytest.mark.parametrize("name", MAPS)
def test_a_city_without_incidents_is_flat(cells, name):
    panel = panel_of(np.zeros((100, len(cells))), cells)
    days = [FIRST_DAY + timedelta(days=row) for row in (99, 100)]
    expected = MAPS[name].fit(panel, FIRST_DAY + timedelta(days=98)).predict(panel, days)
    assert expected.shape == (2, len(cells))
    assert expected.min() > 0
    assert np.ptp(expected) < 1e-12


@pytest.mark.parametrize("name", MAPS)
def test_the_first_days_and_long_horizons_have_a_map(panel, name):
    fitted = MAPS[name].fit(panel, FIRST_DAY)
    expected = fitted.predict(panel, [FIRST_DAY, FIRST_DAY + timedelta(days=1), FIRST_DAY + timedelta(days=90)], 90)
    assert np.isfinite(expected).all()
    assert expected.min() > 0


@pytest.mark.parametrize("name", MAPS)
def test_settings_are_chosen_by_log_score(panel, name):
    """No candidate does better on the days settings are chosen on than the one kept."""
    through = FIRST_DAY + timedelta(days=139)
    history = panel.until(through + timedelta(days=1))
    days = tuning_days(history, 1)
    fitted = MAPS[name].fit(panel, through)
    best = fitted.assessed(history, days, 1)[1]
    for candidate in MAPS[name].candidates(history, 1):
        assert candidate.assessed(history, days, 1)[1] <= best + 1e-6


def test_the_half_life_chosen_follows_the_city():
    """Hotspots that move every 40 days are followed by a short memory, hotspots that stay by a long one."""
    cells, random = lattice(12, 12), np.random.default_rng(3)
    homes = random.permutation(len(cells))[:10]
    moving = np.full((400, len(cells)), 0.005)
    for row in range(400):
        moving[row, homes[row // 40]] = 5
    staying = np.tile(random.gamma(0.5, 0.1, len(cells)), (400, 1))
    through = FIRST_DAY + timedelta(days=399)
    short, long = (
        ExponentialDecay().fit(panel_of(random.poisson(rate), cells), through).half_lives_days[0]
        for rate in (moving, staying)
    )
    assert short <= 14
    assert long >= 240


def test_tuning_days_are_past_and_see_every_weekday(panel):
    days = tuning_days(panel, 3)
    assert days[-1] == panel.end_day - timedelta(days=1)
    assert days[0] >= FIRST_DAY + timedelta(days=3)
    assert {day.weekday() for day in days} == set(range(7))
    dense = panel_of(np.full((800, 4), 25), lattice(2, 2))
    assert 60 <= len(tuning_days(dense, 1)) <= 75
    assert {day.weekday() for day in tuning_days(dense, 1)} == set(range(7))


@pytest.fixture(scope="module")
def outbreak():
    """A simulated self-exciting process: 0.5 offspring each, after 5 days on average, 350 m away along each axis."""
    random, side, days, size = np.random.default_rng(17), 40, 730, 250
    parents = random.poisson(8 * days)
    xy, day = random.random((parents, 2)) * side * size, random.integers(days, size=parents)
    every_xy, every_day = [xy], [day]
    while len(day):
        born = random.poisson(0.5, len(day))
        xy = np.repeat(xy, born, axis=0) + random.normal(0, 350, (born.sum(), 2))
        day = np.repeat(day, born) + random.geometric(0.2, born.sum())
        every_xy, every_day = [*every_xy, xy], [*every_day, day]
    xy, day = np.concatenate(every_xy), np.concatenate(every_day)
    kept = (day < days) & (xy >= 0).all(axis=1) & (xy < side * size).all(axis=1)
    col, row = (xy[kept] // size).astype(int).T
    found = csr_matrix((np.ones(kept.sum()), (day[kept], row * side + col)), shape=(days, side * side))
    found.sum_duplicates()
    return Panel(lattice(side, side, size), FIRST_DAY, {TARGET: found})


def test_expectation_maximisation_recovers_the_planted_process(outbreak):
    """Within what a background learned from the same incidents takes for its own."""
    days = [FIRST_DAY + timedelta(days=row) for row in range(400, 730)]
    found = Branching(outbreak, days, 1, window_days=365).estimate(Excitation())
    assert found.offspring == pytest.approx(0.5, abs=0.06)
    assert found.keep == pytest.approx(0.8, abs=0.04)
    assert found.offspring_m == pytest.approx(350, rel=0.1)
    assert found.background + found.even + found.offspring == pytest.approx(1.0, abs=0.05)


def test_every_step_of_expectation_maximisation_scores_better(outbreak):
    days = [FIRST_DAY + timedelta(days=row) for row in range(600, 660)]
    branching, now, scores = Branching(outbreak, days, 3, window_days=365), Excitation(), []
    for _ in range(12):
        now, score = branching._step(now)
        scores.append(score)
    assert (np.diff(scores) > -1e-6).all()
    assert scores[-1] > scores[0] + 0.005


def test_a_self_exciting_map_beats_a_density_where_incidents_excite(outbreak):
    through = FIRST_DAY + timedelta(days=600)
    days = [through + timedelta(days=ahead) for ahead in range(1, 120)]
    observed = np.stack([outbreak.counts(day) for day in days])
    scores = {}
    for method in (SelfExciting(), KernelDensity()):
        expected = method.fit(outbreak, through).predict(outbreak, days)
        scores[method.name] = (observed * np.log(expected) - expected).sum() / observed.sum()
    assert scores["self_exciting"] > scores["kernel_density"] + 0.02


def test_an_intensity_is_background_and_offspring_by_hand():
    cells = lattice(5, 5)
    counts = np.zeros((30, 25))
    counts[10, 12], counts[25, 6] = 2, 1
    own = Excitation(background=0.5, even=0.1, background_m=1.0, offspring=0.4, keep=0.8, offspring_m=1.0)
    found = risk(SelfExciting(windows_days=(20,), excitation=own), panel_of(counts, cells), 30)
    even = 0.1 * 3 / 20 / 25
    assert found[12] == pytest.approx(0.5 * 2 / 20 + even + 0.4 * 2 * 0.2 * 0.8**19, rel=1e-5)
    assert found[6] == pytest.approx(0.5 * 1 / 20 + even + 0.4 * 1 * 0.2 * 0.8**4, rel=1e-5)
    assert found[0] == pytest.approx(even, rel=1e-5)


def test_all_names_every_method_and_the_default_stays_short():
    assert [method.name for method in methods_named([ALL])] == list(METHODS)
    assert DEFAULT == ("lightgbm", "flat", "mean_28d", "mean_365d", "kernel_density")
    assert tuple(method.name for method in BASELINES) == DEFAULT[1:]
    assert {"last_day", "mean_7d", "mean_all", "mean_weekday", "self_exciting", "gi_star"} <= set(METHODS)


@pytest.mark.parametrize("horizon", [1, 3])
def test_the_cell_model_recovers_the_planted_background_and_offspring(horizon):
    random, days, cells = np.random.default_rng(5), 4000, lattice(6, 6)
    planted = random.gamma(1.0, 0.05, len(cells))
    counts = random.poisson(planted, (days, len(cells)))
    for row in range(days):
        for cell in np.repeat(np.arange(len(cells)), random.poisson(0.5 * counts[row])):
            born = row + random.geometric(0.1) + horizon - 1
            if born < days:
                counts[born, cell] += 1
    found = CellEtas()._learned(panel_of(counts, cells), days, horizon)
    assert found.offspring == pytest.approx(0.5, abs=0.04)
    assert found.keep == pytest.approx(0.9, abs=0.015)
    assert np.corrcoef(found.background, planted)[0, 1] > 0.95
    assert np.mean(found.background) == pytest.approx(planted.mean(), rel=0.1)


def test_a_cells_intensity_is_background_plus_decaying_offspring(cells, counts, panel):
    own = CellEtas(background=tuple(np.linspace(0, 1, len(cells))), offspring=0.4, keep=0.8)
    weight = 0.4 * 0.2 * 0.8 ** np.arange(117)[::-1]
    np.testing.assert_allclose(risk(own, panel, 120, 4), np.linspace(0, 1, len(cells)) + weight @ counts[:117])
