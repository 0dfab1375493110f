"""How people move in the simulated city, read back over HTTP by the feeds of its own territory file."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import requests
from google.transit.gtfs_realtime_pb2 import FeedMessage, TripDescriptor

from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.check import Checked
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import Simulation
from observatory.territory.files import load_territory
from observatory.window import Window
from tests.support.server import IMPATIENT

PARIS = "Europe/Paris"
EVENING = datetime(2021, 6, 18, 18, 40, tzinfo=UTC)
"""Friday, 20:40 in Paris: the disrupted line does not run."""
DAY = Window.of_day(date(2021, 6, 16), PARIS)
DISRUPTION = PLANTED.mobility.transit.disruption


class Town:
    """A city of 200,000, its clock, and the records of its feeds after minimisation and their contracts."""

    def __init__(self):
        self.now = EVENING
        self.ledger = Ledger(Simulation(population=200_000), lambda: self.now)
        self.address = ""

    def read(self, name, window):
        demo, ordinals = load_territory("demo").with_portal(self.address), Ordinals()
        chunks = list(open_reader(FeedWindow.of(demo, name, window), patience=IMPATIENT).read())
        checked = [admit(chunk, Plan.of(demo, name), ordinals) for chunk in chunks]
        return Checked(pl.concat([each.accepted for each in checked]), pl.concat([each.rejected for each in checked]))

    def lately(self, minutes=20):
        return Window.between(self.now - timedelta(minutes=minutes), self.now, PARIS)

    def message(self):
        return FeedMessage.FromString(requests.get(f"{self.address}/realtime/realtime.pb", timeout=60).content)


@pytest.fixture(scope="module")
def _town():
    made = Town()
    answers = {prefix: answer(made.ledger) for prefix, answer in CATALOGUE.items()}
    with portal.running(portal.create_app({}, {}, answers=answers)) as made.address:
        yield made


@pytest.fixture
def town(_town):
    _town.now = EVENING
    return _town


def of_codes(prefix):
    return pl.col("car_park_code").str.starts_with(prefix)


# --- car parks and bicycles


def test_a_day_of_car_parks_is_read_complete_with_its_history(town):
    listed = town.ledger.listed("parking_occupancy", DAY.start, DAY.end).filter(of_codes("P"))
    checked = town.read("parking", DAY)
    assert checked.accepted.height + checked.rejected.height == listed.height > 14 * 280
    assert set(checked.rejected["column_name"]) == {"free_count"}
    planted_rows = listed.unique(["car_park_code", "occurred_from"], keep="none")
    both = checked.accepted.join(planted_rows, on=["car_park_code", "occurred_from"], suffix="_listed")
    assert both.height > 0.98 * listed.height
    for name in ("free_count", "capacity_count", "is_open", "place_name", "published_at"):
        assert both[name].equals(both[f"{name}_listed"], check_names=False), name


def test_a_silent_counter_is_null_and_a_stuck_one_is_recognisable(town):
    readings = town.read("parking", DAY).accepted
    assert readings["free_count"].null_count() > 48
    stuck = PLANTED.mobility.parking.stuck
    since = DAY.start + timedelta(hours=stuck.from_h)
    planted_rows = (
        readings.filter(pl.col("occurred_from") >= since)
        .group_by("car_park_code")
        .agg(pl.col("free_count").drop_nulls().n_unique())
    )
    assert planted_rows.filter(pl.col("free_count") == 1)["car_park_code"].to_list() == [stuck.code]


def test_bicycle_stations_give_their_current_state_under_their_own_codes(town):
    town.now = EVENING.replace(minute=43)
    stations = town.read("bikes", town.lately()).accepted
    assert stations.height == stations["car_park_code"].n_unique() == 30
    assert set(stations["occurred_from"]) == {EVENING}
    assert not set(stations["car_park_code"]) & set(town.read("parking", DAY).accepted["car_park_code"])
    held = stations.filter(pl.col("free_count") <= pl.col("capacity_count"))
    assert held.height == 30


# --- public transport


def test_the_timetable_of_a_day_has_its_planned_calls(town):
    planned = town.ledger.listed("transit_service", DAY.start, DAY.end).filter(record_type="planned")
    checked = town.read("timetable", DAY)
    assert checked.rejected.is_empty()
    names = ["trip_code", "line_code", "stop_code", "stop_sequence", "occurred_from", "longitude_deg", "latitude_deg"]
    read, planted_rows = (each.select(names).sort(names) for each in (checked.accepted, planned))
    assert read.equals(planted_rows)
    assert checked.accepted["service_time"].str.slice(0, 2).cast(pl.Int64).max() >= 25
    assert checked.accepted["cell_id"].null_count() == 0


def test_a_holiday_has_the_timetable_of_a_sunday(town):
    town.now = datetime(2021, 7, 10, tzinfo=UTC)
    window = Window.of_day(date(2021, 7, 14), PARIS)
    planned = town.ledger.listed("transit_service", window.start, window.end).filter(record_type="planned")
    assert town.read("timetable", window).accepted.height == planned.height > 10_000


def test_recent_calls_are_observed_and_not_predicted(town):
    window = town.lately()
    observed = town.ledger.listed("transit_service", window.start, window.end).filter(record_type="observed")
    checked = town.read("transit_live", window)
    assert checked.accepted.height + checked.rejected.height == observed.height > 300
    names = ["trip_code", "line_code", "stop_code", "stop_sequence", "delay_s"]
    read = checked.accepted.select(*names, "occurred_from").sort(names)
    planted_rows = (
        observed.filter(pl.col("delay_s") < 7_200).select(*names, pl.col("occurred_from").dt.truncate("1s")).sort(names)
    )
    assert read.equals(planted_rows)
    foreseen = [
        stop
        for each in town.message().entity
        for stop in each.trip_update.stop_time_update
        if stop.departure.time > town.now.timestamp()
    ]
    assert len(foreseen) > 300


def test_a_call_read_repeatedly_is_one_record(town):
    content = ["source_record_id", "occurred_from", "delay_s", "trip_code", "stop_code"]
    window = town.lately()
    first, again = (town.read("transit_live", window).accepted.select(content) for _ in range(2))
    assert first.equals(again)
    town.now = EVENING + timedelta(minutes=5)
    later = town.read("transit_live", town.lately()).accepted.select(content)
    both = first.join(later, on="source_record_id", suffix="_later")
    assert both.height > 0.6 * first.height
    for name in content[1:]:
        assert both[name].equals(both[f"{name}_later"], check_names=False), name
    assert later["source_record_id"].is_unique().all()


def test_cancelled_trips_are_published_and_are_not_calls(town):
    cancelled = [
        each.trip_update.trip.route_id
        for each in town.message().entity
        if each.trip_update.trip.schedule_relationship == TripDescriptor.CANCELED
    ]
    assert set(cancelled) == {DISRUPTION.line_code}
    calls = town.read("transit_live", town.lately(30)).accepted
    assert DISRUPTION.line_code not in set(calls["line_code"])
    assert "T1" in set(calls["line_code"])


def test_an_alert_is_the_span_in_which_the_line_does_not_run(town):
    alerts = town.read("transit_alerts", town.lately(60))
    assert alerts.rejected.is_empty()
    assert alerts.accepted.select("record_type", "line_code", "occurred_from", "occurred_to").rows() == [
        ("disrupted", "T2", datetime(2021, 6, 18, 18, tzinfo=UTC), datetime(2021, 6, 19, 0, tzinfo=UTC))
    ]


def test_the_message_has_vehicles_and_plates_and_no_record_has_them(town):
    vehicles = [each.vehicle.vehicle for each in town.message().entity if each.HasField("vehicle")]
    assert len(vehicles) > 30
    kept = [town.read(name, town.lately(60)) for name in ("transit_live", "transit_alerts")]
    stored = "".join(each.write_ndjson() for checked in kept for each in (checked.accepted, checked.rejected))
    for vehicle in vehicles:
        assert vehicle.id.startswith("VEH-")
        assert vehicle.id not in stored
        assert vehicle.license_plate not in stored


# --- who is where


def test_a_day_of_sums_is_complete_and_small_sums_have_no_volume(town):
    listed = town.ledger.listed("population_flow", DAY.start, DAY.end)
    checked = town.read("presence_flows", DAY)
    assert checked.accepted.height + checked.rejected.height == listed.height > 700
    small = listed.filter(pl.col("volume_count") < 20)
    assert small.height > 0, "some leak at the source"
    key = ["zone_code", "segment", "occurred_from"]
    both = checked.accepted.join(listed.unique(key, keep="none"), on=key, suffix="_listed")
    assert both.height > 700
    is_small = pl.col("volume_count_listed").is_null() | (pl.col("volume_count_listed") < 20)
    assert both.filter(is_small)["volume_count"].null_count() == both.filter(is_small).height > 30
    assert both.filter(is_small)["is_suppressed"].all()
    assert both.filter(~is_small)["volume_count"].equals(
        both.filter(~is_small)["volume_count_listed"], check_names=False
    )
    assert set(both["district_code"]) == set(both["zone_code"])


def test_a_day_is_published_on_the_next_morning(town):
    friday = Window.of_day(date(2021, 6, 18), PARIS)
    town.now = datetime(2021, 6, 19, 1, tzinfo=UTC)
    demo = load_territory("demo").with_portal(town.address)
    assert list(open_reader(FeedWindow.of(demo, "presence_flows", friday), patience=IMPATIENT).read()) == []
    town.now += timedelta(hours=1)
    assert town.read("presence_flows", friday).accepted.height > 700


def test_every_mobility_feed_states_that_it_is_simulated(town):
    for name in ("parking", "bikes", "timetable", "transit_live", "transit_alerts", "presence_flows"):
        assert "simulat" in load_territory("demo").feeds[name].owner.lower()
    assert "simulated" in requests.get(f"{town.address}/bikes/system_information.json", timeout=60).text
    [text] = {each.text for entity in town.message().entity for each in entity.alert.header_text.translation}
    assert "simulated" in text
