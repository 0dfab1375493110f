"""Real rows of two cities, through feed and contract."""

from datetime import date

import polars as pl
import pytest

from observatory import grid
from observatory.contracts import CONTRACTS
from observatory.feeds import open_reader
from observatory.records.check import check
from observatory.records.conform import conform
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator.portal import replay_app, running
from observatory.territory.files import load_territory
from observatory.window import Window


def extract(territory, feed_id, window):
    """Accepted and rejected records of a window."""
    ordinals, parts = Ordinals(), []
    for rows in open_reader(FeedWindow.of(territory, feed_id, window)).read():
        parts.append(check(rows, conform(rows, Plan.of(territory, feed_id), ordinals), Plan.of(territory, feed_id)))
    return pl.concat(part.accepted for part in parts), pl.concat(part.rejected for part in parts)


@pytest.fixture(scope="module")
def portland(shared_data):
    return load_territory("portland").with_portal(str(shared_data / "portland"))


@pytest.fixture(scope="module")
def chicago(shared_data):
    with running(replay_app(shared_data / "chicago")) as address:
        yield load_territory("chicago").with_portal(address)


def test_every_call_of_portland_is_loaded_also_exact_duplicates(portland, shared_data):
    whole = Window(date(2012, 3, 1), date(2017, 3, 1), portland.timezone)
    accepted, rejected = extract(portland, "calls", whole)
    source = pl.read_parquet(shared_data / "portland" / "burglary_mvt_*.parquet")
    assert (accepted.height, rejected.height) == (source.height, 0)
    assert accepted["source_record_id"].n_unique() == source.height
    hashes = accepted["source_record_id"].str.split("-").list.first()
    assert hashes.n_unique() == source.n_unique() < source.height
    # ids do not depend on the windows
    monthly = [
        extract(portland, "calls", month)[0]
        for month in Window(date(2016, 1, 1), date(2016, 4, 1), whole.timezone).months()
    ]
    assert pl.concat(monthly)["source_record_id"].is_in(accepted["source_record_id"].implode()).all()


def test_portlands_feet_convert_to_the_published_degrees(portland, shared_data):
    window = Window(date(2016, 1, 1), date(2016, 2, 1), portland.timezone)
    accepted, _ = extract(portland, "calls", window)
    source = pl.read_parquet(shared_data / "portland" / "burglary_mvt_*.parquet").filter(
        pl.col("occurred_at").is_between(date(2016, 1, 1), date(2016, 2, 1), closed="left")
    )
    for ours, theirs in (("longitude_deg", "lon"), ("latitude_deg", "lat")):
        assert (accepted[ours] - source[theirs]).abs().max() < 1e-6
    days = accepted.select(pl.col("occurred_from").dt.convert_time_zone(portland.timezone).dt.date()).to_series()
    assert (days == source["occurred_at"].dt.date()).all()
    assert set(accepted["occurred_precision"]) == {"day"}


def test_portlands_zones_and_grid(portland):
    window = Window.of_day(date(2016, 1, 1), portland.timezone)
    (city, _), (districts, rejected) = extract(portland, "city", window), extract(portland, "districts", window)
    assert rejected.is_empty()
    assert districts["zone_code"].n_unique() == districts.height == 60
    assert city["area_km2"].item() == pytest.approx(147.7 * 2.589988, rel=0.001)
    assert districts["area_km2"].sum() == pytest.approx(city["area_km2"].item(), rel=0.001)
    named = dict(districts.select("zone_code", "geometry_wkt").iter_rows())
    cells = grid.cells_in(city["geometry_wkt"].item(), 32610, 250, named)
    assert cells.height * 0.25**2 == pytest.approx(city["area_km2"].item(), rel=0.01)
    assert cells["district_code"].n_unique() == 60


def test_a_day_of_chicago(chicago):
    accepted, rejected = extract(chicago, "incidents", Window.of_day(date(2016, 5, 2), chicago.timezone))
    assert rejected.is_empty()
    assert accepted["source_record_id"].n_unique() == accepted.height > 500
    assert accepted["known_at"].equals(accepted["published_at"].alias("known_at"))
    unlocated = accepted.filter(pl.col("location_method") == "none")
    assert unlocated["cell_id"].null_count() == unlocated.height < 0.05 * accepted.height
    (city, _) = extract(chicago, "city", Window.of_day(date(2016, 5, 2), chicago.timezone))
    assert city["area_km2"].item() == pytest.approx(608, abs=1)
    cells = grid.cells_in(city["geometry_wkt"].item(), 26916, 250)
    located = accepted.filter(pl.col("location_method") != "none")
    assert located["cell_id"].is_in(cells["cell_id"].implode()).mean() > 0.99


def test_only_chicagos_nonexistent_hour_is_rejected(chicago):
    window = Window.of_day(date(2016, 3, 13), chicago.timezone)
    assert (window.end - window.start).total_seconds() == 23 * 3600
    accepted, rejected = extract(chicago, "incidents", window)
    assert accepted["occurred_from"].is_between(window.start, window.end, closed="left").all()
    assert rejected.height > 0
    assert rejected["value"].str.contains("2016-03-13T02:").all()
    assert rejected.height < CONTRACTS["incident"].tolerated_reject_share * (accepted.height + rejected.height)
