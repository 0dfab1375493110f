"""The planted parameters of road accidents are recovered from the records and from the yearly tables."""

from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import polars as pl
import pytest
import requests

from observatory.contracts.accident import AGE_CLASSES
from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.check import Checked
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal
from observatory.simulator import records as city_records
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.accident import expected, rain_by_hour
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.city import build_city
from observatory.simulator.world.occurrences import homes
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.territory.files import load_territory
from observatory.window import Window
from tests.support.server import IMPATIENT

ACCIDENTS = PLANTED.accidents
SIMULATION = Simulation(population=870_000)
START, END = date(2019, 1, 1), date(2026, 1, 1)
DAYS = np.arange(START.toordinal(), END.toordinal())
BEFORE, AFTER = datetime(2021, 5, 31, 21, 59, tzinfo=UTC), datetime(2021, 6, 1, 4, tzinfo=UTC)
"""Before and after the publication of the tables of 2020."""


@cache
def happened():
    """Seven years of a city of 870,000, with local hours and days."""
    local = pl.col("occurred_from").dt.convert_time_zone(TIMEZONE)
    rows = city_records.versions("accident", SIMULATION, START, END)
    return rows.with_columns(hour=local.dt.hour(), weekday=local.dt.weekday() - 1, day=local.dt.date())


@cache
def rain():
    return rain_by_hour(SIMULATION, DAYS)


def within(found, planted, errors=4.0):
    return abs(found - planted) <= errors * np.sqrt(planted)


# --- records


def test_records_of_spans_in_any_order_equal_those_of_one_span():
    first, middle, last = date(2023, 10, 1), date(2024, 1, 1), date(2024, 4, 1)
    late, early = (city_records.versions("accident", SIMULATION, *span) for span in ((middle, last), (first, middle)))
    assert pl.concat([early, late]).equals(city_records.versions("accident", SIMULATION, first, last))
    assert city_records.versions("accident", Simulation(population=100), first, date(2023, 10, 3)).height < 3


def test_another_seed_gives_another_history():
    days = date(2024, 3, 1), date(2024, 4, 1)
    first, again, other = (city_records.versions("accident", Simulation(seed, 870_000), *days) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_an_accident_is_listed_once_the_tables_of_its_year_are_published():
    rows = happened()
    assert rows["source_record_id"].is_unique().all()
    of_2020 = rows.filter(pl.col("day").dt.year() == 2020)
    assert city_records.listing(of_2020, BEFORE).is_empty()
    assert city_records.listing(of_2020, AFTER).height == of_2020.height > 1_000


# --- what is planted


def test_accidents_per_day_match_real_cities_and_the_planted_rate():
    count, planted = happened().height, expected(SIMULATION, DAYS, rain()).sum()
    assert within(count, planted)
    assert 4.5 < count / len(DAYS) < 5.5


def test_rain_raises_accidents_by_the_planted_factor():
    """The same hours compared, by what they would see if it never rained."""
    usual = expected(SIMULATION, DAYS, np.zeros_like(rain()))
    day = happened()["day"].cast(pl.Int32).to_numpy() + date(1970, 1, 1).toordinal() - DAYS[0]
    is_wet = rain()[happened()["hour"].to_numpy(), day] > 0
    wet, dry = is_wet.sum(), (~is_wet).sum()
    factor = (wet / usual[rain() > 0].sum()) / (dry / usual[rain() == 0].sum())
    error = np.sqrt(1 / wet + 1 / dry)
    assert np.log(factor) == pytest.approx(np.log(ACCIDENTS.rain_factor), abs=4 * error)
    assert np.log(ACCIDENTS.rain_factor) > 4 * error, "or it could be chance"


def test_accidents_follow_the_hours_and_the_days_of_the_week():
    rows = happened()
    for name, length, factors in (("hour", 24, ACCIDENTS.hours), ("weekday", 7, ACCIDENTS.weekday)):
        counts = np.bincount(rows[name].to_numpy(), minlength=length)
        planted = np.array(factors) / length * rows.height
        # rain is not evenly distributed over the day
        assert (np.abs(counts - planted) < 4.5 * np.sqrt(planted) + 0.02 * planted).all(), name
    by_hour = np.bincount(rows["hour"].to_numpy())
    assert by_hour[8] > by_hour[10]
    assert by_hour[17] > 1.3 * by_hour[13]


@pytest.mark.parametrize("crossing", [pytest.param(each, id=each.name) for each in ACCIDENTS.crossings])
def test_a_dangerous_crossing_has_its_share(crossing):
    rows = happened().drop_nulls("longitude_deg")
    city, background = homes(ACCIDENTS.centrality)
    near = city.distance(crossing.east_m, crossing.north_m) < 4 * crossing.spread_m
    points = {tuple(point) for point in build_city().lonlat[near]}
    found = sum(point in points for point in rows.select("longitude_deg", "latitude_deg").iter_rows())
    elsewhere = 1 - sum(each.share for each in ACCIDENTS.crossings)
    planted = rows.height * (crossing.share + elsewhere * background[near].sum())
    assert within(found, planted)
    assert found > 3 * rows.height * elsewhere * background[near].sum()


def test_counts_of_persons_add_up_and_at_least_one_is_hurt():
    rows = happened()
    severities = ["killed_count", "hospitalised_count", "slightly_hurt_count", "unhurt_count"]
    assert rows.select((pl.sum_horizontal(severities) == pl.col("involved_count")).all()).item()
    assert rows.select((pl.sum_horizontal(*AGE_CLASSES) <= pl.col("involved_count")).all()).item()
    assert (rows["unhurt_count"] < rows["involved_count"]).all()
    assert rows["longitude_deg"].is_null().mean() == pytest.approx(ACCIDENTS.unlocated_share, rel=0.3)
    people = rows["involved_count"].sum()
    known = rows.select(pl.sum_horizontal(*AGE_CLASSES)).sum().item()
    assert 1 - known / people == pytest.approx(ACCIDENTS.unknown_age_share, rel=0.2)
    for name, share in ACCIDENTS.ages.items():
        assert within(rows[name].sum(), share * known), name


# --- served


@pytest.fixture(scope="module")
def address():
    with portal.running(portal.create_app({}, {}, answers=answers_at(AFTER))) as served:
        yield served


def answers_at(now):
    return {"accidents": CATALOGUE["accidents"](Ledger(SIMULATION, lambda: now))}


def records(address, window):
    """Accepted and rejected records of the demo city's feed, after minimisation and the contract."""
    territory, ordinals = load_territory("demo").with_portal(address), Ordinals()
    chunks = open_reader(FeedWindow.of(territory, "accidents", window), patience=IMPATIENT).read()
    checked = [admit(chunk, Plan.of(territory, "accidents"), ordinals) for chunk in chunks]
    return Checked(pl.concat([each.accepted for each in checked]), pl.concat([each.rejected for each in checked]))


def test_a_year_is_read_from_its_four_tables_and_people_become_counts(address):
    checked = records(address, Window(date(2020, 1, 1), date(2021, 1, 1), TIMEZONE))
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    in_world = happened().filter(pl.col("day").dt.year() == 2020)
    both = checked.accepted.join(in_world, on="source_record_id", suffix="_listed")
    assert checked.accepted.height == both.height == in_world.height
    exact = ["occurred_from", "severity", "vehicle_count", "involved_count", "killed_count", "hospitalised_count",
             "slightly_hurt_count", "unhurt_count", *AGE_CLASSES, "light_code", "weather_code", "collision_code",
             "department_code", "municipality_code", "longitude_deg", "latitude_deg"]  # fmt: skip
    for name in exact:
        assert both[name].equals(both[f"{name}_listed"], check_names=False), name


def test_the_tables_of_a_year_are_published_in_the_next(address):
    def tables(served):
        listed = requests.get(f"{served}/accidents/api/1/datasets/accidents-corporels/", timeout=60).json()
        return {resource["title"] for resource in listed["resources"]}

    assert {"caract-2020.csv", "usagers-2020.csv", "caract-2019.csv"} <= tables(address)
    with portal.running(portal.create_app({}, {}, answers=answers_at(BEFORE))) as earlier:
        assert tables(address) - tables(earlier) == {
            f"{table}-2020.csv" for table in ("caract", "lieux", "usagers", "vehicules")
        }
        assert requests.get(f"{earlier}/accidents/files/lieux-2020.csv", timeout=60).status_code == 404


def test_the_tables_look_like_those_of_recent_years(address):
    lines = requests.get(f"{address}/accidents/files/caract-2020.csv", timeout=60).text.splitlines()
    assert (
        lines[0] == '"Num_Acc";"jour";"mois";"an";"hrmn";"lum";"dep";"com";"agg";"int";"atm";"col";"adr";"lat";"long"'
    )
    assert '"43,' in lines[1]
    people = requests.get(f"{address}/accidents/files/usagers-2020.csv", timeout=60).text.splitlines()
    assert people[0].startswith('"Num_Acc";"id_vehicule";"place";"catu";"grav";"sexe";"an_nais"')
    assert "\u00a0" in people[1]
