"""What the model learns from and how it is assessed: examples, tilted maps, sharpness, spread, settings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta

import lightgbm as lgb
import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from ml.errors import InputError
from ml.features import densities
from ml.features.densities import EXPOSED, TRENDING, Recipe
from ml.features.sampling import sample, training_days
from ml.features.smoothing import Smoother
from ml.files.settings import read_settings, write_settings
from ml.models import trees
from ml.models.dispersion import fit_spread
from ml.models.settings import Settings
from ml.models.tuning import tune
from ml.models.validation import TrainingCache, hold_out, sharpen, validate
from ml.panel.panel import CATEGORY, OTHER, TARGET, Cells, Panel

FIRST_DAY, DAYS, SIDE = date(2022, 1, 1), 500, 20
LAST = FIRST_DAY + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def cells():
    place = np.arange(SIDE * SIDE)
    frame = {"cell_id": [f"C{number:03}" for number in place], "easting_m": 250.0 * (place % SIDE)}
    frame |= {"northing_m": 250.0 * (place // SIDE), "cell_size_m": np.full(len(place), 250)}
    return Cells.from_frame(pl.DataFrame(frame))


def uneven(cells, daily, *, seed=3):
    """Poisson counts (days, cells) of an uneven city."""
    rate = np.random.default_rng(1).gamma(0.3, size=len(cells)) + 0.02
    drawn = np.random.default_rng(seed).poisson(daily * rate / rate.sum(), (DAYS, len(cells)))
    return csr_matrix(drawn.astype(float))


@pytest.fixture(scope="module")
def panel(cells):
    layers = {TARGET: uneven(cells, 6.0), OTHER: uneven(cells, 40.0, seed=4), f"{CATEGORY}noise": uneven(cells, 40.0)}
    return Panel(cells, FIRST_DAY, layers)


def test_examples_are_the_same_whichever_were_drawn_before(cells, panel):
    again = Panel(cells, FIRST_DAY, panel.layers)
    days = training_days(panel, 1)
    recipe = Recipe.of(panel)
    piecewise = [sample(recipe, again, days[:100]), sample(recipe, again, days)][-1]
    at_once = sample(recipe, panel, days)
    for name in ("day", "cell", "count", "weight", "density"):
        np.testing.assert_array_equal(getattr(piecewise, name), getattr(at_once, name), err_msg=name)


@pytest.mark.parametrize("daily", [2.0, 400.0, 3000.0])
def test_training_days_lie_on_one_lattice_and_see_every_weekday(cells, daily):
    history = Panel(cells, FIRST_DAY, {TARGET: uneven(cells, daily)})
    early, late = (training_days(history.until(LAST - timedelta(days=gap)), 1) for gap in (40, 0))
    assert {day for day in late if day <= early[-1]} <= set(early)
    assert min(late) >= FIRST_DAY + timedelta(days=(DAYS - 1) // 2)
    assert {day.weekday() for day in late} == set(range(7))
    kept = sum(float(history.totals[history.index(day)]) for day in late)
    assert kept <= 80_000


def test_a_tilted_map_keeps_the_detail_and_takes_the_neighbourhoods_level(cells):
    """Other incidents in every second cell, the target twice as often in the east: between them the map is zero."""
    column, row = np.arange(SIDE * SIDE) % SIDE, np.arange(SIDE * SIDE) // SIDE
    streets = (column + row) % 2 == 0
    random = np.random.default_rng(5)
    other = random.poisson(np.where(streets, 0.5, 0.0), (DAYS, len(cells)))
    target = random.poisson(np.where(streets, np.where(column < SIDE // 2, 0.005, 0.01), 0.0), (DAYS, len(cells)))
    panel = Panel(cells, FIRST_DAY, {TARGET: csr_matrix(target * 1.0), OTHER: csr_matrix(other * 1.0)})
    recipe = Recipe.of(panel)
    density = next(densities.densities(recipe, panel, [LAST]))
    at = recipe.names.index("target/exposed/1460 d/1000 m")
    spread = density[recipe.names.index("target/every_day/1460 d/1000 m")]
    exposed = density[at]
    assert exposed[~streets].sum() < 0.1 < spread[~streets].sum()
    west, east = (exposed[streets & part].sum() for part in (column < 8, column >= 12))
    assert east / west == pytest.approx(2.0, rel=0.35)
    assert set(EXPOSED.names()) | set(TRENDING.names()) <= set(recipe.mixed_names)


def test_kernels_narrower_than_half_a_cell_are_left_out(cells):
    fine = Recipe(has_others=False, clues=(), cell_size_m=77)
    coarse = Recipe(has_others=False, clues=(), cell_size_m=500)
    assert any(name.endswith("/100 m") for name in fine.names)
    assert not any(name.endswith("/100 m") for name in coarse.names)
    assert not any(name.startswith(OTHER) for name in fine.names)


@pytest.mark.parametrize("size", [77, 600, 1000])
def test_cells_of_any_size_have_every_component(cells, panel, size):
    coarse = Panel(replace(cells, size_m=size), FIRST_DAY, panel.layers)
    recipe = Recipe.of(coarse)
    density = next(densities.densities(recipe, coarse, [LAST]))
    assert len(density) == len(recipe.names)
    np.testing.assert_allclose(density.sum(axis=1), 1.0, rtol=1e-4)


def test_clues_are_the_most_frequent_categories_except_the_target(cells):
    layers = {TARGET: uneven(cells, 5.0), OTHER: uneven(cells, 60.0)}
    layers |= {f"{CATEGORY}c{number:02}": uneven(cells, 1.0 + number) for number in range(10)}
    layers |= {f"{CATEGORY}own": layers[TARGET]}
    recipe = Recipe.of(Panel(cells, FIRST_DAY, layers, (f"{CATEGORY}own",)))
    assert recipe.clues == tuple(f"{CATEGORY}c{number:02}" for number in range(9, 1, -1))


@pytest.mark.parametrize("bandwidth", [100.0, 400.0, 2500.0])
def test_smoothing_by_bands_equals_smoothing_with_the_whole_kernel(bandwidth):
    random = np.random.default_rng(2)
    rows, cols = np.nonzero(random.random((97, 140)) < 0.7)
    frame = {"cell_id": [f"{number:05}" for number in range(len(rows))], "easting_m": 250.0 * cols}
    city = Cells.from_frame(pl.DataFrame(frame | {"northing_m": 250.0 * rows, "cell_size_m": 250}))
    values = random.random((2, len(city)))
    found = Smoother(city, [bandwidth]).spread(values, 0)
    sigma = bandwidth / 250
    reach = np.arange(-140, 141)
    from scipy.special import ndtr

    kernel = ndtr((reach + 0.5) / sigma) - ndtr((reach - 0.5) / sigma)
    share = kernel[140 + city.row[:, None] - city.row[None]] * kernel[140 + city.col[:, None] - city.col[None]]
    expected = (values / share.sum(axis=0)) @ share.T
    np.testing.assert_allclose(found, expected, rtol=2e-3)
    np.testing.assert_allclose(found.sum(axis=1), values.sum(axis=1), rtol=1e-4)


@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.25])
def test_sharpness_recovers_a_planted_exponent(exponent):
    random = np.random.default_rng(6)
    relative = random.normal(0.0, 1.5, 100_000)
    rate = 0.05 * np.exp(relative)
    weight = random.choice([1.0, 5.0], len(rate))
    count = random.poisson(0.9 * 0.05 * np.exp(exponent * relative))
    found, factor = sharpen(relative, rate, count, weight)
    assert found == pytest.approx(exponent, abs=0.02)
    assert factor == pytest.approx(0.9, rel=0.05)


def test_few_incidents_leave_the_sharpness_at_one():
    relative = np.linspace(-1, 1, 40)
    exponent, _ = sharpen(relative, 0.1 * np.exp(relative), np.eye(40)[39] * 3, np.ones(40))
    assert exponent == pytest.approx(1.0, abs=0.01)


def test_spread_recovers_planted_overdispersion():
    random = np.random.default_rng(8)
    mean = random.gamma(0.5, 0.4, 200_000) + 0.001
    dispersion = 0.2 + 0.5 * mean
    count = random.negative_binomial(mean / dispersion, 1 / (1 + dispersion))
    found = fit_spread(mean, count, np.ones(len(mean)))
    assert (found.linear, found.quadratic) == (pytest.approx(0.2, abs=0.03), pytest.approx(0.5, abs=0.08))
    poisson = fit_spread(mean, random.poisson(mean), np.ones(len(mean)))
    assert poisson.linear + poisson.quadratic < 0.02


def test_the_levels_variance_is_that_of_daily_totals():
    random = np.random.default_rng(9)
    expected = np.full(3000, 50.0)
    observed = random.poisson(expected * random.gamma(25.0, 1 / 25.0, 3000))
    assert fit_spread(np.ones(9), np.ones(9), np.ones(9)).with_level(expected, observed).shared == pytest.approx(
        1 / 25, rel=0.15
    )


def test_any_number_of_threads_grows_the_same_trees(panel):
    seen = hold_out(Recipe.of(panel), panel, LAST, 1, TrainingCache())
    grown = []
    for threads in (1, 2):
        data = lgb.Dataset(seen.matrix, seen.examples.count, weight=seen.examples.weight, init_score=seen.log_rate)
        booster = lgb.train(Settings().parameters() | {"num_threads": threads}, data, 20)
        grown.append(booster.model_to_string().partition("parameters:")[0])
    assert grown[0] == grown[1]


def test_models_of_one_quarter_share_a_validation_that_sees_no_later_day(cells, panel):
    recipe = Recipe.of(panel)
    quarter = date.fromordinal(LAST.toordinal() // 91 * 91)
    cache = TrainingCache()
    ends = (quarter + timedelta(days=ahead) for ahead in (0, 5, 20))
    same = {id(found): found for found in (validate(recipe, panel, end, 1, Settings(), cache=cache) for end in ends)}
    assert len(same) == 1
    cut = Panel(cells, FIRST_DAY, {name: layer[: panel.index(quarter)] for name, layer in panel.layers.items()})
    assert validate(recipe, cut, quarter, 1, Settings(), cache=TrainingCache()) in same.values()


def test_tuning_is_never_worse_than_the_defaults_and_is_reproducible(panel):
    tuned = tune(panel, LAST, trials=5, seconds=60)
    again = tune(panel, LAST, trials=5, seconds=60)
    assert tuned.tried == 5
    assert tuned == again
    assert tuned.validation.gain >= tuned.before.gain


def test_settings_are_read_back_from_their_file(tmp_path):
    settings = Settings(learning_rate=0.1, num_leaves=7)
    write_settings(settings, tmp_path / "settings.json")
    assert read_settings(tmp_path / "settings.json") == settings
    written = json.loads((tmp_path / "settings.json").read_text())
    assert set(written) < set(settings.parameters())


@pytest.mark.parametrize("text", ["{", '{"leaves": 3}', '{"num_leaves": "many"}'])
def test_a_file_of_other_settings_is_refused(tmp_path, text):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(InputError, match=r"expected JSON with learning_rate, .* Make it with observatory-ml tune"):
        read_settings(tmp_path / "settings.json")


def test_every_feature_has_a_name(panel):
    features = trees.Features(Recipe.of(panel))
    assert len(set(features.names)) == len(features.names) == 5 + len(features.densities)


def test_more_recent_incidents_in_a_cell_never_lower_the_trees_rate(panel):
    """Property: on any row, raising one of these features alone does not lower what the trees say."""
    recipe = Recipe.of(panel)
    seen, names = hold_out(recipe, panel, LAST, 1, TrainingCache()), trees.Features(recipe).names
    text = trees.grow(recipe, seen.examples, seen.matrix, seen.log_rate, Settings(min_data_in_leaf=20), rounds=80)
    booster = lgb.Booster(model_str=text)
    rows = seen.matrix[:: len(seen.matrix) // 200]
    said = booster.predict(rows, raw_score=True)
    rising = [place for place, is_rising in enumerate(trees.Features(recipe).rising) if is_rising]
    assert names[rising[0]] == "log mixture"
    assert {names[place].partition("/")[0] for place in rising[1:]} == {TARGET}
    moved = 0
    for place in rising:
        more = rows.copy()
        more[:, place] += 1
        change = booster.predict(more, raw_score=True) - said
        assert change.min() >= -1e-9, names[place]
        moved += bool(change.max() > 0)
    assert moved > 0
