"""The planted parameters of incidents can be recovered from what the portal lists."""

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import polars as pl
import pytest
from scipy.spatial import cKDTree

from observatory.simulator.records.incident import police_log
from observatory.simulator.world.city import build_city
from observatory.simulator.world.expected import expected_counts
from observatory.simulator.world.incidents import happen
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parameters.incidents import YEAR_DAYS
from observatory.simulator.world.simulation import Simulation
from tests.support.police_log import listing

POPULATION = 200_000
SIMULATION = Simulation(population=POPULATION)
CITY = build_city()
CATEGORIES = {category.code: category for category in PLANTED.categories}
DAYS = np.arange(date(2024, 1, 1).toordinal(), date(2026, 1, 1).toordinal())
HOTSPOT_SHARES = [
    pytest.param(spot, code, share, id=f"{spot.name}-{code}")
    for spot in PLANTED.hotspots
    for code, share in spot.shares.items()
]


@pytest.fixture(scope="module")
def listed():
    """Two whole years, as listed a month after their end: late reports are in."""
    rows = listing(police_log(SIMULATION, date(2024, 1, 1), date(2026, 2, 1)), date(2026, 2, 1))
    return rows.filter(pl.col("occurred_at") < date(2026, 1, 1))


@pytest.fixture(scope="module")
def expected():
    """Category code to the expected counts of the two years' days, everything planted included."""
    return dict(zip(PLANTED.codes, expected_counts(SIMULATION, date(2024, 1, 1), date(2026, 1, 1)), strict=True))


def daily_counts(rows, code):
    since = rows.filter(pl.col("category") == code)["occurred_at"] - datetime(2024, 1, 1)
    return np.bincount(since.dt.total_days(), minlength=len(DAYS))


def relative_error(category, count):
    """Of a count: Poisson, widened by the clusters of a self-exciting process."""
    return 1 / np.sqrt(count) / (1 - category.branching_ratio)


@pytest.mark.parametrize("code", CATEGORIES)
def test_counts_seasons_and_weekdays_are_recovered(listed, expected, code):
    category, counts, expected = CATEGORIES[code], daily_counts(listed, code), expected[code]
    error = relative_error(category, counts.sum())
    assert counts.sum() == pytest.approx(expected.sum(), rel=4 * error)

    turn = np.exp(2j * np.pi * (DAYS - DAYS[0] - category.season_peak_day) / YEAR_DAYS)
    swing = 2 * (counts * turn).sum() / counts.sum()
    assert swing.real == pytest.approx(category.season_amplitude, abs=4 * np.sqrt(2) * error), "amplitude"
    assert swing.imag == pytest.approx(0, abs=4 * np.sqrt(2) * error), "peak"

    weekdays = np.array([counts[day::7].sum() / expected[day::7].sum() for day in range(7)])
    assert weekdays == pytest.approx(np.ones(7), abs=4.5 * np.sqrt(7) * error)


def radii(spot):
    """Distance of every address from a hotspot, in its own radius."""
    return np.hypot(*(CITY.addresses - CITY.centre - [spot.east_m, spot.north_m]).T) / spot.spread_m


@pytest.mark.parametrize(("spot", "code", "share"), HOTSPOT_SHARES)
def test_hotspots_are_recovered(listed, spot, code, share):
    """Their share of a category: what lies within three radii, less the background that the ring around tells."""
    points = listed.filter(pl.col("category") == code, pl.col("longitude").is_not_null())
    index = cKDTree(CITY.lonlat)
    _, address = index.query(points.select("longitude", "latitude").to_numpy())
    inside, around = radii(spot) < 3, (radii(spot) >= 3.5) & (radii(spot) < 6)
    for other in PLANTED.hotspots:
        around &= radii(other) >= 3
    hits = np.bincount(address, minlength=len(inside))
    background = CITY.background(CATEGORIES[code])
    ordinary = hits[around].sum() * background[inside].sum() / background[around].sum()
    found = (hits[inside].sum() - ordinary) / len(points)
    assert found == pytest.approx(share, abs=max(0.25 * share, 0.012))


def excess_pairs(points, days, radius, lags):
    """Later neighbours per incident beyond those a year apart: same place, same season, no memory.

    For a self-exciting process the whole excess is n (2 - n) / (2 (1 - n)^2), n its branching ratio (Hawkes, 1971).
    """
    pairs = cKDTree(points).query_pairs(radius, output_type="ndarray")
    gap = np.abs(days[pairs[:, 0]] - days[pairs[:, 1]])
    span = days.max() - days.min() + 1
    # two incidents of a span can be a gap apart on (span - gap) days only
    near, far = (gap >= 1) & (gap <= lags), (gap > 364 - lags) & (gap < 364 + lags)
    expected = (span / (span - gap[far])).sum() / (2 * lags - 1) * lags
    return ((span / (span - gap[near])).sum() - expected) / len(points)


@pytest.mark.parametrize("branching_ratio", [0.35, 0.0])
def test_near_repeats_are_detected_only_where_planted(branching_ratio):
    # one a day for twenty years: with a low rate, few pairs are neighbours by chance
    burglary = replace(CATEGORIES["CAMBRIOLAGE"], branching_ratio=branching_ratio, daily_rate=1.0)
    parameters = replace(PLANTED, categories=(burglary,))
    events = happen(Simulation(population=100_000, parameters=parameters), date(2006, 1, 1), date(2026, 1, 1))
    points, days = CITY.addresses[events.address], events.day

    total = excess_pairs(points, days, radius=600, lags=45)
    expected = branching_ratio * (2 - branching_ratio) / (2 * (1 - branching_ratio) ** 2)
    assert total == pytest.approx(expected, abs=0.12)
    if branching_ratio:
        # the excess decays with the half-life of a cluster, which is longer than that of one generation
        soon = 1 - 0.5 ** (7 * (1 - branching_ratio) / burglary.half_life_days)
        assert excess_pairs(points, days, radius=600, lags=7) / total == pytest.approx(soon, abs=0.1)
        assert excess_pairs(points, days, radius=150, lags=14) / excess_pairs(points, days, 600, 14) < 0.6, "spread"


def test_the_share_of_near_repeats_is_the_branching_ratio():
    events = happen(SIMULATION, date(2024, 1, 1), date(2026, 1, 1))
    for number, category in enumerate(PLANTED.categories):
        triggered = events.generation[events.category == number] > 0
        error = relative_error(category, len(triggered))
        assert triggered.mean() == pytest.approx(category.branching_ratio, abs=4 * error)
