"""The current service of public transport (GTFS-Realtime): one message with trips, their vehicles, and alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
from google.transit.gtfs_realtime_pb2 import Alert, FeedMessage, TripDescriptor, VehicleDescriptor
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer, Row

_VERSION = "2.0"


@dataclass(frozen=True)
class Running:
    """The service at a moment.

    Attributes:
        now: time of the message.
        trips: ``trip_id``, ``route_id``, ``start_date``, ``is_cancelled``, ``vehicle`` (number) and
            its last position: ``latitude``, ``longitude``, ``passed_at`` (null before departure), then lists
            of equal length: ``stop_ids``, ``stop_sequences``, ``times`` (seconds since 1970) and ``delays``.
        alerts: ``id``, ``route_id``, ``start``, ``end`` (seconds since 1970), ``text``.
    """

    now: datetime
    trips: pl.DataFrame
    alerts: pl.DataFrame


def gtfs_realtime(running: Callable[[], Running], path: str) -> Answer:
    """The message at a path; the same object as at the last request is not encoded again."""
    last: list[tuple[Running, bytes]] = []

    def answer(asked: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        if asked != path:
            return JSONResponse({"message": "Not found"}, status_code=404)
        current = running()
        if not last or last[0][0] is not current:
            last[:] = [(current, message(current).SerializeToString(deterministic=True))]
        return Response(last[0][1], media_type="application/x-protobuf")

    return answer


def message(running: Running) -> FeedMessage:
    """The service as a message: one entity per trip, another per vehicle."""
    made = FeedMessage()
    made.header.gtfs_realtime_version = _VERSION
    made.header.timestamp = int(running.now.timestamp())
    for trip in running.trips.iter_rows(named=True):
        _add_trip(made, trip)
        if trip["passed_at"] is not None:
            _add_position(made, trip)
    for alert in running.alerts.iter_rows(named=True):
        entity = made.entity.add(id=alert["id"])
        entity.alert.active_period.add(start=alert["start"], end=alert["end"])
        entity.alert.informed_entity.add(route_id=alert["route_id"])
        entity.alert.effect = Alert.NO_SERVICE
        entity.alert.header_text.translation.add(text=alert["text"], language="fr")
    return made


def _add_trip(made: FeedMessage, trip: Row) -> None:
    update = made.entity.add(id=f"trip-{trip['start_date']}-{trip['trip_id']}").trip_update
    _describe_trip(update.trip, trip)
    update.timestamp = made.header.timestamp
    if trip["is_cancelled"]:
        return
    _describe_vehicle(update.vehicle, trip)
    for stop_id, sequence, time, delay in zip(
        trip["stop_ids"], trip["stop_sequences"], trip["times"], trip["delays"], strict=True
    ):
        stop = update.stop_time_update.add(stop_id=stop_id, stop_sequence=sequence)
        stop.departure.time, stop.departure.delay = time, delay


def _add_position(made: FeedMessage, trip: Row) -> None:
    position = made.entity.add(id=f"vehicle-{trip['vehicle']}").vehicle
    _describe_trip(position.trip, trip)
    _describe_vehicle(position.vehicle, trip)
    position.position.latitude, position.position.longitude = trip["latitude"], trip["longitude"]
    position.timestamp = trip["passed_at"]


def _describe_trip(descriptor: TripDescriptor, trip: Row) -> None:
    descriptor.trip_id, descriptor.route_id = trip["trip_id"], trip["route_id"]
    descriptor.start_date = trip["start_date"]
    is_cancelled = trip["is_cancelled"]
    descriptor.schedule_relationship = TripDescriptor.CANCELED if is_cancelled else TripDescriptor.SCHEDULED


def _describe_vehicle(descriptor: VehicleDescriptor, trip: Row) -> None:
    """The vehicle's number and plate, as agencies send them."""
    number = trip["vehicle"]
    descriptor.id, descriptor.label = f"VEH-{number:04d}", str(number)
    descriptor.license_plate = f"ZZ-{number % 1000:03d}-ZZ"
