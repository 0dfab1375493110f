"""The simulated city: the same history for any end, consistent geography, realistic versions of records."""

from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
import scipy.stats
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from observatory.errors import StackError
from observatory.simulator import portal
from observatory.simulator.portal import demo_app
from observatory.simulator.records.incident import police_log
from observatory.simulator.world.city import AREA_KM2, build_city
from observatory.simulator.world.draws import choose, combine, poisson, uniform
from observatory.simulator.world.incidents import background_rate
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import FIRST_DAY, TIMEZONE, Simulation
from tests.support.police_log import listing

COLUMNS = [
    "incident_id", "occurred_at", "ended_at", "category", "description", "reported_at", "updated_at", "district",
    "longitude", "latitude",
]  # fmt: skip
START, END = date(2024, 1, 1), date(2024, 7, 1)


@pytest.fixture(scope="module")
def city():
    """Half a year of a city of 200,000."""
    return police_log(Simulation(), START, END)


@pytest.fixture(scope="module")
def listed(city):
    """What the portal lists when the half-year has ended."""
    return listing(city, END)


@pytest.fixture(scope="module")
def metropolis():
    """Six weeks of a city ten times as large, for what is rare."""
    return police_log(Simulation(population=2_000_000), START, date(2024, 2, 15))


def test_draws_are_even_and_do_not_depend_on_their_order():
    keys = combine(7, np.arange(20_000))
    drawn = uniform(keys, "hour")
    assert drawn[::-1].tolist() == uniform(keys[::-1], "hour").tolist()
    assert np.histogram(drawn, bins=20, range=(0, 1))[0] == pytest.approx(np.full(20, 1000), abs=150)
    others = [uniform(keys, "minute"), np.roll(drawn, 1), uniform(combine(8, np.arange(20_000)), "hour")]
    assert all(abs(np.corrcoef(drawn, other)[0, 1]) < 0.03 for other in others)


@pytest.mark.parametrize("mean", [0.0, 0.15, 3.0, 80.0])
def test_poisson_counts_are_those_of_the_distribution(mean):
    keys = combine(3, np.arange(5_000))
    expected = scipy.stats.poisson.ppf(uniform(keys, "count"), mean)
    assert poisson(keys, "count", np.full(5_000, mean)).tolist() == expected.tolist()


def test_choices_follow_the_weights_of_their_group():
    group = np.repeat([0, 1], 10_000)
    chosen = choose(combine(1, np.arange(20_000)), "place", group, np.array([[1.0, 0.0, 3.0], [0.0, 5.0, 0.0]]))
    assert np.bincount(chosen[:10_000], minlength=3) / 10_000 == pytest.approx([0.25, 0, 0.75], abs=0.02)
    assert set(chosen[10_000:].tolist()) == {1}


@settings(max_examples=8, deadline=None)
@given(today=st.integers(40, 200), longer=st.integers(1, 60), seed=st.integers(0, 10))
def test_a_longer_simulation_changes_no_earlier_listing(today, longer, seed):
    day = date(2024, 1, 1) + timedelta(days=today)
    simulation = Simulation(seed, population=20_000)
    short = police_log(simulation, START, day)
    long = police_log(simulation, START, day + timedelta(days=longer))
    assert listing(short, day).equals(listing(long, day))
    assert long.records.head(short.records.height).equals(short.records)


def test_another_seed_is_another_history_of_the_same_city(listed):
    other = listing(police_log(Simulation(seed=2), START, END), END)
    assert not other.equals(listed)
    assert other.height == pytest.approx(listed.height, rel=0.1)
    assert build_city() is build_city()


def test_background_is_never_negative():
    days = np.arange(date(2024, 1, 1).toordinal(), date(2028, 1, 1).toordinal())
    rates = background_rate(days, 200_000, PLANTED)
    assert (rates > 0).all()
    assert (background_rate(days[200:], 200_000, PLANTED) == rates[:, 200:]).all(), "a day's rate depends on no other"


def test_about_165_incidents_a_day_in_a_city_of_200_000(city, listed):
    assert city.records.height / (END - START).days == pytest.approx(165, rel=0.1)
    assert set(listed["category"]) == set(PLANTED.codes)


def test_the_districts_tile_the_boundary_and_lie_in_the_territorys_bounds():
    place = build_city()
    assert place.boundary.area / 1e6 == pytest.approx(AREA_KM2)
    assert sum(shape.area for shape in place.districts) == pytest.approx(place.boundary.area)
    [outline] = place.boundary_geojson()["features"]
    west, south, east, north = shapely.geometry.shape(outline["geometry"]).bounds
    assert 4.90 < west < east < 5.10
    assert 43.20 < south < north < 43.34
    assert outline["properties"]["is_simulated"] is True


def test_every_point_lies_in_the_district_its_record_names(listed):
    place = build_city()
    features = place.districts_geojson()["features"]
    assert [feature["properties"]["code"] for feature in features] == place.district_codes
    located = listed.filter(pl.col("longitude").is_not_null())
    shapes = {each["properties"]["code"]: shapely.geometry.shape(each["geometry"]) for each in features}
    inside = [
        shapely.contains_xy(shapes[code], rows.select("longitude", "latitude").to_numpy())
        for (code,), rows in located.group_by("district")
    ]
    # a segment in degrees deviates from the one in metres by centimetres: a point on it may change sides
    assert np.concatenate(inside).mean() > 0.999
    boundary = shapely.geometry.shape(place.boundary_geojson()["features"][0]["geometry"])
    assert shapely.contains_xy(boundary, located.select("longitude", "latitude").to_numpy()).all()


def test_a_listing_has_the_columns_and_order_of_times_the_territory_file_maps(listed):
    rows = listed
    assert rows.columns == COLUMNS
    assert rows["incident_id"].n_unique() == rows.height
    assert rows.filter(
        (pl.col("ended_at") < pl.col("occurred_at"))
        | (pl.col("reported_at") < pl.col("ended_at"))
        | (pl.col("updated_at") < pl.col("reported_at"))
    ).is_empty()
    assert rows["updated_at"].max() < datetime(END.year, END.month, END.day)
    unlocated = rows.filter(pl.any_horizontal(pl.all().is_null()))
    assert unlocated.height / rows.height == pytest.approx(PLANTED.unlocated_share, rel=0.3)
    assert unlocated.select("district", "longitude", "latitude").null_count().row(0) == (unlocated.height,) * 3


def test_nine_in_ten_incidents_are_listed_the_next_morning(city):
    shares = []
    for ahead in range(30):
        day = date(2024, 5, 1) + timedelta(days=ahead)
        happened = city.records.filter(pl.col("occurred_from").dt.date() == day).height
        listed = listing(city, day + timedelta(days=1)).filter(pl.col("occurred_at").dt.date() == day).height
        shares.append(listed / happened)
    assert 0.85 < np.mean(shares) < 0.95


def test_corrections_appear_with_a_new_update_time_and_withdrawn_records_go(metropolis):
    before, after = listing(metropolis, date(2024, 1, 20)), listing(metropolis, date(2024, 2, 14))
    content = [column for column in COLUMNS if column not in ("incident_id", "updated_at")]
    both = before.join(after, on="incident_id", suffix="_after")
    moved = both.filter(pl.col("updated_at") != pl.col("updated_at_after"))
    changed = pl.any_horizontal(pl.col(column).ne_missing(pl.col(f"{column}_after")) for column in content)
    assert both.filter(changed)["incident_id"].to_list() == moved["incident_id"].to_list() != []
    assert moved.filter(pl.col("updated_at_after") < datetime(2024, 1, 20)).is_empty()
    gone = before.join(after, on="incident_id", how="anti")
    assert 0 < gone.height < 0.01 * before.height

    records = metropolis.records
    assert records["corrected_at"].count() / records.height == pytest.approx(PLANTED.corrected_share, rel=0.35)
    assert records["withdrawn_at"].count() / records.height == pytest.approx(PLANTED.withdrawn_share, rel=0.4)
    last_change = pl.max_horizontal("corrected_at", "withdrawn_at")
    assert records.select(last_change - pl.col("occurred_from")).to_series().max() < timedelta(days=30)


def test_mistaken_versions_differ_in_category_place_or_day(metropolis):
    pairs = metropolis.mistaken.join(metropolis.records, on="source_record_id", suffix="_right")
    counts = pairs.select(
        (pl.col("source_category_code") != pl.col("source_category_code_right")).sum().alias("category"),
        (pl.col("longitude_deg") != pl.col("longitude_deg_right")).sum().alias("place"),
        (pl.col("occurred_from") != pl.col("occurred_from_right")).sum().alias("day"),
    ).row(0)
    assert sum(counts) == pytest.approx(pairs.height, rel=0.02)
    assert counts[0] > counts[2] < counts[1]
    assert counts[2] > 0


def test_no_time_falls_in_the_hour_skipped_in_spring():
    city = police_log(Simulation(population=2_000_000), date(2024, 3, 30), date(2024, 4, 2))
    missing = datetime(2024, 3, 31, 2)
    hour_after = pl.col("occurred_from").is_between(missing + timedelta(hours=1), missing + timedelta(hours=2))
    assert city.records.filter(hour_after).height > 0
    for column in ("occurred_from", "occurred_to", "reported_at", "entered_at"):
        local = city.records[column].dt.replace_time_zone(TIMEZONE, ambiguous="earliest", non_existent="null")
        assert local.null_count() == 0


def test_the_demo_portal_lists_the_city_at_the_beginning_of_today_and_states_that_it_is_simulated():
    client = TestClient(demo_app(date(2021, 3, 1), population=20_000))
    rows = client.get("/resource/demo-inci.json", params={"$order": "occurred_at,incident_id", "$limit": 5000}).json()
    assert sorted(rows[0]) == sorted(COLUMNS)
    assert rows[0]["occurred_at"].startswith("2021-01-01T")
    assert max(row["updated_at"] for row in rows) < "2021-03-01T00:00:00.000"
    log = police_log(Simulation(population=20_000), FIRST_DAY, date(2021, 3, 1))
    expected = listing(log, date(2021, 3, 1))
    assert [row["incident_id"] for row in rows] == expected["incident_id"].to_list()
    assert "SIMULATED DATA" in client.get("/").text
    assert len(client.get("/resource/demo-dist.geojson").json()["features"]) == 10
    assert client.get("/resource/demo-city.geojson").json()["features"][0]["properties"]["code"] == "demo"


def test_the_demo_portal_follows_the_calendar(monkeypatch):
    class Clock(datetime):
        moment = datetime(2024, 1, 19, 23, 1)  # UTC: the 20th has begun, none of its incidents is entered yet

        @classmethod
        def now(cls, tz=None):
            return cls.moment.replace(tzinfo=tz)

    monkeypatch.setattr(portal, "datetime", Clock)
    client = TestClient(demo_app(population=20_000))
    newest = {"$order": "occurred_at desc", "$limit": 1}
    assert client.get("/resource/demo-inci.json", params=newest).json()[0]["occurred_at"].startswith("2024-01-19")
    Clock.moment += timedelta(days=1)
    assert client.get("/resource/demo-inci.json", params=newest).json()[0]["occurred_at"].startswith("2024-01-20")


def test_a_today_before_the_citys_history_is_refused():
    with pytest.raises(StackError, match=r"today = 2021-01-01; expected a day after 2021-01-01.*--today"):
        demo_app(date(2021, 1, 1))
