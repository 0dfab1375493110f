"""GTFS-Realtime messages as agencies send them: fields left out, entities deleted, vehicles that carry their number."""

import polars as pl
import pytest
from google.transit.gtfs_realtime_pb2 import Alert, FeedMessage

from observatory.errors import SourceChanged, SourceUnavailable, TerritoryError
from tests.support.city import city, day, read, records, rows
from tests.support.server import first, in_bytes, in_json, page_of_html, serving

DAY = day("2026-06-10")
NOON = 1781085600  # 2026-06-10 12:00 in Paris
VEHICLES = {
    "occurred_from": "timestamp",
    "trip_code": "trip.trip_id",
    "line_code": "trip.route_id",
    "stop_code": "stop_id",
    "stop_sequence": "current_stop_sequence",
    "bearing_deg": "position.bearing",
    "longitude_deg": "position.longitude",
    "latitude_deg": "position.latitude",
}
STOPS = {
    "occurred_from": "stop_time_update.departure.time",
    "delay_s": "stop_time_update.departure.delay",
    "trip_code": "trip.trip_id",
    "stop_code": "stop_time_update.stop_id",
    "stop_sequence": "stop_time_update.stop_sequence",
}
ALERTS = {"occurred_from": "active_period.start", "line_code": "informed_entity.route_id"}


def message():
    made = FeedMessage()
    made.header.gtfs_realtime_version = "2.0"
    made.header.timestamp = NOON
    return made


def vehicle(made, number, **position):
    entity = made.entity.add(id=f"bus-{number}")
    entity.vehicle.vehicle.id = f"bus-{number}"
    entity.vehicle.vehicle.license_plate = "AB-123-CD"
    entity.vehicle.trip.trip_id = f"T{number}"
    entity.vehicle.trip.route_id = "B1"
    for name, value in {"latitude": 43.29, "longitude": 5.37, **position}.items():
        setattr(entity.vehicle.position, name, value)
    return entity


def agency(address, columns, entity="vehicle", record_type="observed", **more):
    source = {"protocol": "gtfs_realtime", "address": address, "path": "realtime.pb", "entity": entity}
    more = {"constants": {"record_type": record_type}, "date_formats": ["%s"], "occurred_precision": "second", **more}
    return city("transit_service", source, columns, **more)


def served(made, columns, **more):
    with serving(lambda _: in_bytes(made.SerializeToString())) as (address, _):
        return records(agency(address, columns, **more), DAY)


def test_a_vehicle_gives_its_trip_and_place_but_not_its_number():
    made = message()
    vehicle(made, 1, bearing=90.0).vehicle.timestamp = NOON - 30
    vehicle(made, 2)
    checked = served(made, VEHICLES)
    assert checked.rejected.is_empty()
    assert checked.accepted["trip_code"].to_list() == ["T1", "T2"]
    assert [f"{moment:%H:%M:%S}" for moment in checked.accepted["occurred_from"]] == ["09:59:30", "10:00:00"]
    everything = checked.accepted.write_csv()
    assert "bus-" not in everything
    assert "AB-123-CD" not in everything


def test_unset_fields_are_null_and_not_zero():
    made = message()
    vehicle(made, 1)
    vehicle(made, 2, bearing=0.0).vehicle.current_stop_sequence = 0
    checked = served(made, VEHICLES)
    assert checked.accepted["bearing_deg"].to_list() == [None, 0.0]
    assert checked.accepted["stop_sequence"].to_list() == [None, 0]
    assert checked.accepted["stop_code"].to_list() == [None, None]


def test_every_stop_of_a_trip_is_a_row():
    made = message()
    update = made.entity.add(id="1").trip_update
    update.trip.trip_id = "T1"
    for number, delay in enumerate((60, -30, 7300)):
        stop = update.stop_time_update.add(stop_id=f"S{number}", stop_sequence=number)
        stop.departure.time, stop.departure.delay = NOON + 60 * number, delay
    checked = served(made, STOPS, entity="trip_update")
    assert checked.accepted["delay_s"].to_list() == [60, -30]
    assert checked.rejected["column_name"].to_list() == ["delay_s"]


def test_an_alert_is_a_row_for_each_line_and_period():
    made = message()
    entity = made.entity.add(id="works-1")
    for line in ("B1", "B2"):
        entity.alert.informed_entity.add(route_id=line)
    for start in (NOON, NOON + 3600):
        entity.alert.active_period.add(start=start)
    entity.alert.effect = Alert.DETOUR
    checked = served(made, ALERTS, entity="alert", record_type="disrupted")
    assert checked.accepted.select("line_code", pl.col("occurred_from").dt.hour()).rows() == [
        ("B1", 10), ("B1", 11), ("B2", 10), ("B2", 11),
    ]  # fmt: skip
    with serving(lambda _: in_bytes(made.SerializeToString())) as (address, _):
        named = {**ALERTS, "source_record_id": "id", "stop_code": "effect"}
        got = rows(agency(address, named, entity="alert", record_type="disrupted"), DAY)
    assert {(row["id"], row["effect"]) for row in got} == {("works-1", "DETOUR")}


def test_deleted_entities_and_other_kinds_are_left_out():
    made = message()
    vehicle(made, 1).is_deleted = True
    made.entity.add(id="2").trip_update.trip.trip_id = "T2"
    with serving(lambda _: in_bytes(made.SerializeToString())) as (address, _):
        assert read(agency(address, VEHICLES), DAY) == []


def test_times_outside_the_window_are_not_read():
    made = message()
    vehicle(made, 1).vehicle.timestamp = NOON - 86_400
    vehicle(made, 2)
    with serving(lambda _: in_bytes(made.SerializeToString())) as (address, _):
        got = [rows(agency(address, VEHICLES), day(when)) for when in ("2026-06-09", "2026-06-10", "2026-06-11")]
    assert [[row["trip.trip_id"] for row in each] for each in got] == [["T1"], ["T2"], []]


def test_chunks_do_not_lose_rows():
    made = message()
    for number in range(7):
        vehicle(made, number)
    with serving(lambda _: in_bytes(made.SerializeToString())) as (address, _):
        chunks = read(agency(address, VEHICLES), DAY, chunk_rows=3)
    assert [chunk.height for chunk in chunks] == [3, 3, 1]


@pytest.mark.parametrize("column", ["vehicle.id", "vehicle.label"])
def test_a_column_that_names_a_vehicle_is_refused(column):
    with (
        serving(lambda _: in_bytes(message().SerializeToString())) as (address, requests),
        pytest.raises(SourceChanged, match=r"identify a vehicle; expected no column that could lead to the driver"),
    ):
        rows(agency(address, {**VEHICLES, "stop_code": column}), DAY)
    assert requests == []


def test_a_plate_is_refused_before_any_request():
    with pytest.raises(TerritoryError, match="no column with data about a person"):
        rows(agency("http://127.0.0.1:9", {**VEHICLES, "stop_code": "vehicle.license_plate"}), DAY)


@pytest.mark.parametrize("column", ["id", "position.lat", "stops"])
def test_a_field_that_the_entity_does_not_have_is_reported(column):
    with (
        serving(lambda _: in_bytes(message().SerializeToString())) as (address, _),
        pytest.raises(SourceChanged, match=rf"\['{column}'\] are missing"),
    ):
        rows(agency(address, {**VEHICLES, "stop_code": column}), DAY)


def test_an_invalid_message_is_refused_and_a_truncated_one_requested_again():
    made = message()
    vehicle(made, 1)
    whole = made.SerializeToString()
    with serving(first(in_json({}, 429), then=lambda _: in_bytes(whole))) as (address, _):
        assert len(rows(agency(address, VEHICLES), DAY)) == 1
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(agency(address, VEHICLES), DAY)
    with (
        serving(lambda _: in_bytes(whole[:-5])) as (address, _),
        pytest.raises(SourceUnavailable, match="truncated"),
    ):
        rows(agency(address, VEHICLES), DAY)
    with serving(lambda _: in_bytes(b"")) as (address, _), pytest.raises(SourceChanged, match="no such message"):
        rows(agency(address, VEHICLES), DAY)
