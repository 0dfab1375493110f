"""Mobility of the simulated city, from its portal to the hourly sums of the warehouse: planted effects show."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from observatory.ingest import extract, runs
from observatory.settings import signals_folder
from observatory.simulator import portal
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import Simulation
from observatory.territory.files import load_territory
from observatory.window import Window

POPULATION = 100_000
MOBILITY = PLANTED.mobility
TICK = timedelta(minutes=15)


class Town:
    """A small city, its portal and its clock."""

    def __init__(self, warehouse):
        self.url = sa.make_url(warehouse.url("loader"))
        self.now = datetime(2021, 6, 18, 17, tzinfo=UTC)
        self.address = ""

    @property
    def demo(self):
        return load_territory("demo").with_portal(self.address)

    def load(self, feed_id, day):
        return extract.extract(self.url, self.demo, feed_id, Window.of_day(day, "Europe/Paris"))

    def watch(self, feed_id, until):
        while self.now < until:
            runs.extract_until(self.url, self.demo, feed_id, self.now)
            self.now += TICK


@pytest.fixture(scope="module")
def town(warehouse):
    made = Town(warehouse)
    with portal.running(portal.demo_app(population=POPULATION, now=lambda: made.now)) as made.address:
        yield made


def hours(warehouse, kind, columns, feed_id):
    names = columns.split(", ")
    rows = warehouse.rows(f"select {columns} from raw.{kind}_hour where feed_id = %s order by hour_start", feed_id)
    sums = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    return sums.with_columns(pl.col("hour_start").dt.convert_time_zone("UTC"))


def test_the_hours_show_a_full_car_park_a_stuck_counter_and_a_silent_one(warehouse, town):
    played = fixtures(Simulation(population=POPULATION), date(2021, 8, 1), date(2021, 12, 1))
    first = next(n for n in range(len(played.day)) if not played.is_cancelled[n] and played.minute[n] > 19 * 60)
    match = date.fromordinal(int(played.day[first]))
    wednesday = match - timedelta(days=match.weekday() - 2)
    town.now = datetime(match.year, match.month, match.day, 4, tzinfo=UTC) + timedelta(days=3)
    for day in {match, wednesday}:
        town.load("parking", day)
    sums = hours(
        warehouse,
        "parking_occupancy",
        "car_park_code, hour_start, row_count, free_count_mean, free_count_count, cell_id",
        "parking",
    )
    assert sums["cell_id"].null_count() == 0

    local = sums.with_columns(pl.col("hour_start").dt.convert_time_zone("Europe/Paris").alias("local"))
    of_day = pl.col("local").dt.date()
    kick_off_h = int(played.minute[first] // 60)
    full = local.filter(of_day == match, pl.col("local").dt.hour() == kick_off_h)
    means = dict(full.select("car_park_code", "free_count_mean").iter_rows())
    assert means.pop(MOBILITY.parking.stadium) == pytest.approx(0, abs=5)
    assert min(means.values()) > 10

    stuck = local.filter(of_day == wednesday, pl.col("local").dt.hour() >= MOBILITY.parking.stuck.from_h)
    values = dict(stuck.group_by("car_park_code").agg(pl.col("free_count_mean").n_unique()).iter_rows())
    assert values.pop(MOBILITY.parking.stuck.code) == 1
    assert min(values.values()) > 8

    night = local.filter(pl.col("local").dt.hour() == 3, car_park_code=MOBILITY.parking.silent)
    assert night.select("row_count", "free_count_mean", "free_count_count").unique().rows() == [(12, None, 0)]


def test_a_disrupted_line_has_planned_calls_without_observations(warehouse, town):
    friday = date(2021, 6, 18)
    town.now = datetime(2021, 6, 18, 17, 0, tzinfo=UTC)
    town.watch("transit_live", datetime(2021, 6, 18, 20, 1, tzinfo=UTC))
    runs.extract_until(town.url, town.demo, "transit_alerts", town.now)
    town.load("timetable", friday)
    at = {
        feed_id: hours(
            warehouse, "transit_service", "line_code, hour_start, trip_count, delay_s_mean, record_type", feed_id
        )
        for feed_id in ("timetable", "transit_live", "transit_alerts")
    }
    at_19 = pl.col("hour_start") == datetime(2021, 6, 18, 19, tzinfo=UTC)  # 21:00 in Paris
    line = MOBILITY.transit.disruption.line_code
    planned, observed = (
        dict(at[feed_id].filter(at_19).select("line_code", "trip_count").iter_rows())
        for feed_id in ("timetable", "transit_live")
    )
    assert planned[line] > 2
    assert line not in observed
    for other in ("M1", "T1"):
        assert observed[other] >= planned[other] - 2
    assert at["transit_alerts"].select("line_code", "hour_start", "record_type").rows() == [
        (line, datetime(2021, 6, 18, 18, tzinfo=UTC), "disrupted")
    ]
    late = at["transit_live"].filter(pl.col("line_code").str.starts_with("B"))["delay_s_mean"].mean()
    early = at["transit_live"].filter(line_code="M1")["delay_s_mean"].mean()
    assert late > 2 * early
    assert at["timetable"]["delay_s_mean"].null_count() == at["timetable"].height


def test_no_plate_and_no_vehicle_number_is_stored(warehouse, town):
    files = list((signals_folder() / "demo" / "transit_live").rglob("*.parquet"))
    assert files
    text = "".join(pl.read_parquet(path).write_csv() for path in files)
    assert "B1-SEM-" in text
    assert "VEH-" not in text
    assert "ZZ-" not in text
    rejected = "".join(row for (row,) in warehouse.rows("select t::text from raw.rejected as t"))
    assert "VEH-" not in rejected
    assert "ZZ-" not in rejected


def test_a_suppressed_sum_is_null_in_the_hours_and_not_0(warehouse, town):
    day = date(2021, 1, 20)
    town.now = datetime(2021, 1, 22, 4, tzinfo=UTC)
    town.load("presence_flows", day)
    sums = hours(
        warehouse,
        "population_flow",
        "zone_code, hour_start, segment, volume_count_mean, volume_count_count",
        "presence_flows",
    )
    assert sums.height > 24 * 30 * 0.97
    held = sums.filter(segment="tourists", zone_code="D08")
    assert held["volume_count_mean"].null_count() == held.height > 20
    assert held["volume_count_count"].sum() == 0
    assert sums["volume_count_mean"].drop_nulls().min() >= MOBILITY.presence.least_count
    by_hour = sums.filter(segment="visitors", zone_code="D02").sort("hour_start")["volume_count_mean"]
    assert by_hour.max() > 5 * by_hour.min()
