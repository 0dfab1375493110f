"""The model and the baselines: no look-ahead, reproducible to the bit, planted hotspots found."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from ml.errors import ForecastError, HistoryTooShort, InputError
from ml.evaluation.backtest import rolling_forecasts
from ml.evaluation.metrics import pool
from ml.features import densities, sampling
from ml.features.densities import Recipe
from ml.models.baselines import KernelDensity, Mean
from ml.models.hotspots import Hotspots, model_id
from ml.models.registry import DEFAULT, METHODS, methods_named
from ml.panel.history import Known
from ml.panel.panel import CATEGORY, OTHER, TARGET, Cells, Panel

FIRST_DAY, DAYS, SIDE = date(2023, 1, 1), 240, 12
SPLIT = FIRST_DAY + timedelta(days=200)


@pytest.fixture(scope="module")
def cells():
    place = [(row, col) for row in range(SIDE) for col in range(SIDE)]
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"N{row:02}E{col:02}" for row, col in place],
                "easting_m": [250 * col + 125.0 for _, col in place],
                "northing_m": [250 * row + 125.0 for row, _ in place],
                "cell_size_m": [250] * len(place),
            }
        )
    )


@pytest.fixture(scope="module")
def panel(cells):
    """Two planted hotspots on an even background, and another group that is busy in the same places."""
    random = np.random.default_rng(11)
    share = np.full(len(cells), 0.4 / len(cells))
    share[[40, 97]] += 0.3
    draw = lambda rate: csr_matrix(random.poisson(rate * share, (DAYS, len(cells))).astype(float))  # noqa: E731
    layers = {TARGET: draw(8.0), OTHER: draw(20.0), f"{CATEGORY}noise": draw(12.0)}
    return Panel(cells, FIRST_DAY, layers)


@pytest.fixture(scope="module")
def fitted(panel):
    return Hotspots().fit(panel, SPLIT)


def with_other_future(panel, first_changed):
    row = panel.index(first_changed)
    layers = {}
    for name, matrix in panel.layers.items():
        changed = matrix.toarray()
        changed[row:] = 5
        layers[name] = csr_matrix(changed)
    return Panel(panel.cells, panel.first_day, layers)


@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize("name", METHODS)
def test_changing_the_future_changes_no_forecast(panel, name, horizon):
    day = SPLIT + timedelta(days=10)
    changed = with_other_future(panel, day - timedelta(days=horizon - 1))
    through = SPLIT - timedelta(days=1)
    method, blind = (METHODS[name].fit(p, through, horizon) for p in (panel, changed))
    assert method == blind
    np.testing.assert_array_equal(method.predict(panel, [day], horizon), blind.predict(changed, [day], horizon))


def test_changing_the_future_changes_no_past_feature(panel):
    days = [SPLIT + timedelta(days=offset) for offset in range(5)]
    changed = with_other_future(panel, days[3])
    recipe = Recipe.of(panel)
    pairs = list(zip(*(densities.densities(recipe, history, days) for history in (panel, changed)), strict=True))
    for before, after in pairs[:4]:
        np.testing.assert_array_equal(before, after)
    assert not np.array_equal(*pairs[4])


def test_every_component_is_a_density(panel):
    recipe = Recipe.of(panel)
    density = next(densities.densities(recipe, panel, [SPLIT]))
    assert len(density) == len(set(recipe.names)) == len(recipe.names)
    assert recipe.names[: len(recipe.mixed_names)] == recipe.mixed_names
    np.testing.assert_allclose(density.sum(axis=1), 1.0, rtol=1e-4)
    assert density.min() >= 0


def test_the_same_input_gives_the_same_bytes(panel, fitted):
    again = Hotspots().fit(panel, SPLIT)
    assert again.to_text() == fitted.to_text()
    day = [SPLIT + timedelta(days=1)]
    assert again.predict(panel, day).tobytes() == fitted.predict(panel, day).tobytes()
    assert model_id("a", "b") == model_id("a", "b") != model_id("a", "c")


def test_a_stored_model_forecasts_as_the_fitted_one(panel, fitted):
    stored = Hotspots.from_text(fitted.to_text())
    days = [SPLIT + timedelta(days=offset) for offset in (1, 2)]
    assert stored == fitted
    assert stored.predict(panel, days).tobytes() == fitted.predict(panel, days).tobytes()


def test_days_forecast_together_or_alone_are_the_same(panel, fitted):
    days = [SPLIT + timedelta(days=offset) for offset in (1, 2, 3)]
    together = fitted.predict(panel, days)
    alone = np.concatenate([fitted.predict(panel, [day]) for day in days])
    np.testing.assert_array_equal(together, alone)


def test_planted_hotspots_rank_first_and_totals_hold(panel, fitted):
    days = [SPLIT + timedelta(days=offset) for offset in range(1, 30)]
    expected = fitted.predict(panel, days)
    assert set(np.argsort(-expected.sum(axis=0))[:2]) == {40, 97}
    assert expected.sum() / (8.0 * len(days)) == pytest.approx(1.0, abs=0.1)
    assert fitted.weights
    assert sum(fitted.weights) == pytest.approx(1.0)


def test_trees_are_used_only_if_they_beat_the_mixture(fitted):
    assert fitted.validation is not None
    assert fitted.uses_trees == fitted.validation.is_won
    assert fitted.parameters["uses_trees"] == fitted.uses_trees


def test_trees_are_used_where_the_mixture_is_wrong(panel):
    """Incidents follow a rule of the weekday that kernels cannot represent and trees can learn."""
    random = np.random.default_rng(2)
    rate = np.full((DAYS, len(panel.cells)), 0.02)
    weekday = np.array([(FIRST_DAY + timedelta(days=row)).weekday() for row in range(DAYS)])
    rate[np.ix_(weekday % 2 == 0, range(60))] = 0.3
    rate[np.ix_(weekday % 2 == 1, range(60, 120))] = 0.3
    layers = {TARGET: csr_matrix(random.poisson(rate).astype(float)), OTHER: panel.layers[OTHER]}
    model = Hotspots().fit(Panel(panel.cells, FIRST_DAY, layers), SPLIT)
    assert model.uses_trees
    stored = Hotspots.from_text(model.to_text())
    assert stored.uses_trees
    expected = stored.predict(Panel(panel.cells, FIRST_DAY, layers), [SPLIT + timedelta(days=1)])
    assert expected.min() > 0


def test_too_little_history_is_an_abstention(panel):
    with pytest.raises(HistoryTooShort, match=r"30 days with \d+ located incidents; expected at least 60 days and 100"):
        Hotspots().fit(panel, FIRST_DAY + timedelta(days=29))


def test_predicting_before_fitting_is_refused(panel):
    with pytest.raises(InputError, match="Fit the model"):
        Hotspots().predict(panel, [SPLIT])


def test_a_model_of_other_components_is_refused(fitted):
    text = fitted.to_text().replace("target/every_day/3 d/0 m", "target/every_day/4 d/0 m")
    with pytest.raises(InputError, match="Train again"):
        Hotspots.from_text(text)


def test_weighted_sampled_zeros_estimate_all_zeros(panel):
    drawn = sampling.sample(Recipe.of(panel), panel, sampling.training_days(panel, 1))
    cell_days = len(drawn.days) * len(panel.cells)
    assert drawn.weight.sum() == pytest.approx(cell_days, rel=0.05)
    happened = sum(panel.counts(day).sum() for day in drawn.days)
    assert (drawn.count * drawn.weight).sum() == happened
    assert {day.weekday() for day in drawn.days} == set(range(7))


def test_a_mean_keeps_the_total_and_the_proportions_of_the_last_days(panel):
    expected = Mean.of(28).fit(panel, SPLIT - timedelta(days=1)).predict(panel, [SPLIT])[0]
    row = panel.index(SPLIT)
    plain = np.asarray(panel.target[row - 28 : row].mean(axis=0)).ravel()
    assert expected.sum() == pytest.approx(plain.sum())
    assert np.corrcoef(expected, plain)[0, 1] == pytest.approx(1.0)
    assert expected.min() > 0


def test_kernel_density_chooses_from_the_days_before(panel):
    chosen = KernelDensity().fit(panel, SPLIT)
    assert len(chosen.windows_days) == len(chosen.bandwidths_m) == 1
    total = chosen.predict(panel, [SPLIT])[0].sum()
    assert total == pytest.approx(panel.totals[: panel.index(SPLIT)][-28:].mean(), rel=1e-4)


def test_a_backtest_yields_every_day_and_method_and_ours_beats_flat(panel):
    known = Known(panel, 1)
    last = SPLIT + timedelta(days=13)
    made = list(
        rolling_forecasts(
            methods_named(DEFAULT), lambda _: known, truth=panel, first_day=SPLIT, last_day=last, refit_days=7
        )
    )
    assert [f.method for f in made] == list(DEFAULT) * 14
    assert sorted({f.day for f in made}) == [SPLIT + timedelta(days=offset) for offset in range(14)]
    gain = pool([f.score for f in made if f.method == "lightgbm"]).information_gain
    assert gain is not None
    assert gain > 0.5


def test_unknown_methods_are_named():
    with pytest.raises(InputError, match=r"unknown sepp; expected all, or some of lightgbm, flat"):
        methods_named(["sepp"])


def test_errors_can_be_pickled():
    import pickle

    error = InputError("here", found="a", expected="b", action="Do c.")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, ForecastError)
    assert str(copy) == "here: a; expected b. Do c."
