"""When a forecast is withheld, and when it is not: stated limits on both sides, and gaps that are no chance."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from ml.errors import Drifted, HistoryTooShort, TooFewLocated
from ml.io import Territory
from ml.jobs.snapshot import City
from ml.panel import eligibility
from ml.panel.gaps import gaps_in
from ml.panel.panel import TARGET, Cells, Panel

FIRST_DAY, SIDE = date(2023, 1, 1), 40


@pytest.fixture(scope="module")
def cells():
    place = np.arange(SIDE * SIDE)
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"C{number:04}" for number in place],
                "easting_m": 250.0 * (place % SIDE),
                "northing_m": 250.0 * (place // SIDE),
                "cell_size_m": [250] * len(place),
            }
        )
    )


def history(cells, daily, *, days=400, level=1.0, moved=0.0, seed=1):
    """A record whose last 28 days bring ``level`` times as many, the share ``moved`` of them from the other half."""
    random = np.random.default_rng(seed)
    share = random.pareto(1.2, len(cells)) + 0.05
    share = np.where(cells.row < SIDE // 2, share, 0.0)
    share /= share.sum()
    recent = (1 - moved) * share + moved * share[::-1]
    counts = np.concatenate(
        [
            random.poisson(daily * share, (days - 28, len(cells))),
            random.poisson(daily * level * recent, (28, len(cells))),
        ]
    )
    return Panel(cells, FIRST_DAY, {TARGET: csr_matrix(counts.astype(float))})


@pytest.mark.parametrize("daily", [0.5, 5, 200])
@pytest.mark.parametrize("seed", range(5))
def test_a_steady_record_is_forecast(cells, daily, seed):
    eligibility.check(history(cells, daily, seed=seed), 0.99)


@pytest.mark.parametrize("level", [0.5, 2.0])
def test_a_change_that_methods_follow_is_forecast(cells, level):
    eligibility.check(history(cells, 50, level=level, moved=0.15), 0.99)


@pytest.mark.parametrize("level", [0.2, 4.0])
def test_a_changed_level_is_drift(cells, level):
    with pytest.raises(Drifted, match=r"in the last 28 days against \d+ .*; expected a level within 3 times of it"):
        eligibility.check_drift(history(cells, 20, level=level))


def test_a_changed_map_is_drift(cells):
    with pytest.raises(Drifted, match=r"(4|5)\d% of the last 28 days' incidents elsewhere .*; expected at most 3\d%"):
        eligibility.check_drift(history(cells, 50, moved=0.5))


def test_few_incidents_are_not_enough_for_drift(cells):
    eligibility.check_drift(history(cells, 0.3, level=0.0))
    eligibility.check_drift(history(cells, 0.5, moved=0.5))


def test_a_new_record_cannot_drift(cells):
    eligibility.check_drift(history(cells, 20, days=70, level=5))


def test_too_few_located_incidents_are_refused(cells):
    steady = history(cells, 20)
    eligibility.check(steady, eligibility.LEAST_LOCATED)
    eligibility.check(steady, None)
    with pytest.raises(TooFewLocated, match="49% of them located; expected at least 50%"):
        eligibility.check(steady, 0.49)


def test_a_city_of_the_warehouse_has_the_same_limits(cells):
    days = 100
    place = pl.DataFrame({"cell_id": [*cells.cell_id[:4], "unlocated"], "incident_count": [1, 1, 1, 1, 3]})
    day = pl.DataFrame({"occurred_date": [FIRST_DAY + timedelta(days=number) for number in range(days)]})
    counts = day.join(place, how="cross").with_columns(category_group=pl.lit("property"), category_code=pl.lit("theft"))
    noise = counts.with_columns(
        category_group=pl.lit("noise"),
        category_code=pl.lit("noise"),
        incident_count=pl.when(pl.col("cell_id") == "unlocated").then(9).otherwise(pl.col("incident_count")),
    )
    territory = Territory("town", "Town", "Europe/Paris", True, "FR")
    city = City(territory, FIRST_DAY + timedelta(days=days), cells, pl.concat([counts, noise]))
    assert city.data_as_of < datetime(2023, 4, 12, tzinfo=UTC)
    assert city.panel("property").totals.sum() == 400
    with pytest.raises(TooFewLocated, match="31% of them located"):
        city.panel("noise")
    with pytest.raises(HistoryTooShort):
        city.panel("nothing")


def test_gaps_are_runs_that_chance_does_not_explain():
    daily = np.full(200, 8)
    daily[[50, 100, 101, 102]] = 0
    daily[150:154] = 0
    # one empty day with 8 expected incidents may be chance; with 24 or 32 expected it is a gap
    assert [str(gap) for gap in gaps_in(daily, FIRST_DAY)] == ["2023-04-11..2023-04-13", "2023-05-31..2023-06-03"]
    busy = np.full(100, 800)
    busy[40] = 0
    (gap,) = gaps_in(busy, FIRST_DAY)
    assert (str(gap), gap.days_within(FIRST_DAY, FIRST_DAY + timedelta(days=40))) == ("2023-02-10", 0)
    assert gap.days_within(FIRST_DAY, FIRST_DAY + timedelta(days=41)) == 1


@pytest.mark.parametrize("rate", [0.2, 2.0, 8.0])
def test_random_empty_days_are_no_gap(rate):
    for seed in range(20):
        daily = np.random.default_rng(seed).poisson(rate, 2000)
        daily[[0, -1]] = 1
        assert gaps_in(daily, FIRST_DAY) == []
