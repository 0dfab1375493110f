"""What public transport publishes: the timetable, and the current service with vehicle numbers, as agencies do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

import polars as pl

from observatory.simulator.records import listing
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.records.transit_service import disruptions
from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.gtfs import Tables, clock, gtfs
from observatory.simulator.servers.gtfs_realtime import Running, gtfs_realtime
from observatory.simulator.world.city import NAME
from observatory.simulator.world.simulation import TIMEZONE
from observatory.simulator.world.transit import SERVICES, Network, build_network, holidays

_BEFORE, _AHEAD = timedelta(days=31), timedelta(days=60)
"""Days that the timetable covers before and after today."""
_LONGEST_TRIP, _NOTICE = timedelta(hours=4), timedelta(hours=2)
_ALERTED = timedelta(days=14)
_ONE_DAY = timedelta(days=1)
_DAY = "%Y%m%d"
_SATURDAY = 5
_RUNS = {"SEM": (1, 1, 1, 1, 1, 0, 0), "SAM": (0, 0, 0, 0, 0, 1, 0), "DIM": (0, 0, 0, 0, 0, 0, 1)}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TAKEN_OUT, _ADDED = 2, 1
_PUBLISHER = f"{NAME} (simulated)"
_SITE = "https://example.org"
_VEHICLES_A_LINE = 50
_TRIP = ("trip_code", "service_date", "line_code")


def timetable(ledger: Ledger) -> Answer:
    """The timetable of public transport (GTFS), from a month ago to two months ahead."""
    transit = ledger.simulation.parameters.mobility.transit

    @lru_cache(maxsize=1)
    def tables(today: date) -> Tables:
        network = build_network(transit, ledger.simulation.population)
        return {**_calendar(today), **_network_tables(network)}

    return gtfs(lambda: tables(ledger.today), "/gtfs.zip")


def _calendar(today: date) -> Tables:
    """The publisher, the version, and the days on which each service runs."""
    first, last = today - _BEFORE, today + _AHEAD
    ends = (f"{first:{_DAY}}", f"{last:{_DAY}}")
    exceptions = [
        (service, f"{day:{_DAY}}", number)
        for day in holidays(first, last + _ONE_DAY)
        for service, number in (("SAM" if day.weekday() == _SATURDAY else "SEM", _TAKEN_OUT), ("DIM", _ADDED))
    ]
    return {
        "agency": pl.DataFrame(
            {"agency_id": "SIM", "agency_name": _PUBLISHER, "agency_url": _SITE, "agency_timezone": TIMEZONE}
        ),
        "feed_info": pl.DataFrame(
            {"feed_publisher_name": _PUBLISHER, "feed_publisher_url": _SITE, "feed_lang": "fr"}
            | {"feed_version": f"{today.year}-{(today.month + 2) // 3}"}
        ),
        "calendar": pl.DataFrame(
            [(service, *_RUNS[service], *ends) for service in SERVICES],
            schema=["service_id", *_WEEKDAYS, "start_date", "end_date"],
            orient="row",
        ),
        "calendar_dates": pl.DataFrame(
            exceptions, schema={"service_id": pl.String, "date": pl.String, "exception_type": pl.Int64}, orient="row"
        ),
    }


def _network_tables(network: Network) -> Tables:
    """Lines, stops, trips and their calls."""
    first = network.calls.unique("trip", keep="first", maintain_order=True)
    stations = network.stops.filter(pl.col("parent_code").is_not_null())
    stop = {"stop_name": "stop_name", "stop_lat": "latitude_deg", "stop_lon": "longitude_deg"}
    return {
        "routes": network.lines.select(
            route_id="line_code", agency_id=pl.lit("SIM"), route_short_name="line_code", route_type="route_type"
        ),
        "stops": pl.concat(
            [
                stations.select(stop_id="parent_code", **stop, location_type=pl.lit(1), parent_station=pl.lit("")),
                network.stops.select(
                    stop_id="stop_code", **stop, location_type=pl.lit(0), parent_station="parent_code"
                ),
            ]
        ),
        "trips": first.select(
            route_id="line_code",
            service_id=pl.col("service").replace_strict(dict(enumerate(SERVICES))),
            trip_id="trip_code",
            direction_id="direction",
        ),
        "stop_times": network.calls.select(
            trip_id="trip_code",
            arrival_time=clock("second"),
            departure_time=clock("second"),
            stop_id="stop_code",
            stop_sequence="stop_sequence",
        ),
    }


def realtime(ledger: Ledger) -> Answer:
    """The current service of public transport, and its alerts (GTFS-Realtime)."""
    transit = ledger.simulation.parameters.mobility.transit

    @lru_cache(maxsize=1)
    def running(now: datetime) -> Running:
        lines = build_network(transit, ledger.simulation.population).lines
        listed = ledger.listed("transit_service", now - _LONGEST_TRIP, now + _LONGEST_TRIP)
        announced = disruptions(ledger.simulation, ledger.today - _ALERTED, ledger.today + _ALERTED)
        alerts = listing(announced, now)
        planned = listed.filter(record_type="planned").rename({"occurred_from": "planned_at"})
        spans = alerts.select("line_code", begins="occurred_from", ends="occurred_to")
        is_inside = pl.col("planned_at").is_between("begins", "ends", closed="left")
        suspended = planned.join(spans, on="line_code").filter(is_inside)
        planned = planned.join(suspended, on=[*_TRIP, "stop_sequence"], how="anti")
        trips = _under_way(planned, listed.filter(record_type="observed"), now)
        cancelled = suspended.filter(
            pl.col("stop_sequence") == 1, pl.col("planned_at").is_between(now - _NOTICE, now + _NOTICE)
        )
        number = pl.col("trip_code").str.extract(r"(\d+)$").cast(pl.Int64) % _VEHICLES_A_LINE
        running_or_not = pl.concat(
            [
                trips.with_columns(is_cancelled=pl.lit(value=False)),
                cancelled.select(*_TRIP, is_cancelled=pl.lit(value=True)),
            ],
            how="diagonal",
        ).join(lines.select("line_code").with_row_index("line"), on="line_code", maintain_order="left")
        return Running(
            now,
            running_or_not.with_columns(
                trip_id="trip_code",
                route_id="line_code",
                start_date=pl.col("service_date").dt.strftime(_DAY),
                vehicle=number + pl.col("line").cast(pl.Int64) * _VEHICLES_A_LINE,
            ),
            alerts.select(
                id="source_record_id",
                route_id="line_code",
                start=pl.col("occurred_from").dt.epoch("s"),
                end=pl.col("occurred_to").dt.epoch("s"),
                text=pl.lit(f"{transit.disruption.cause} (simulated)"),
            ),
        )

    return gtfs_realtime(lambda: running(ledger.now), "/realtime.pb")


def _under_way(planned: pl.DataFrame, observed: pl.DataFrame, now: datetime) -> pl.DataFrame:
    """Trips with observations: calls made, and predicted calls as late as the last one, but never in the past."""
    passed = observed.join(
        planned.select(*_TRIP, "stop_sequence", "planned_at", "longitude_deg", "latitude_deg"),
        on=[*_TRIP, "stop_sequence"],
        how="left",
        suffix="_planned",
    ).sort("stop_sequence")
    last = passed.group_by(_TRIP).agg(
        pl.col("stop_sequence").last().alias("last_sequence"),
        (pl.col("occurred_from") - pl.col("planned_at")).last().alias("late"),
        pl.col("longitude_deg_planned").last().alias("longitude"),
        pl.col("latitude_deg_planned").last().alias("latitude"),
        pl.col("occurred_from").last().dt.epoch("s").alias("passed_at"),
    )
    ahead = planned.join(last, on=_TRIP).filter(pl.col("stop_sequence") > pl.col("last_sequence"))
    foreseen_at = pl.max_horizontal(
        pl.col("planned_at") + pl.col("late"), pl.lit(now).cast(observed.schema["occurred_from"])
    )
    foreseen = ahead.select(
        *_TRIP,
        "stop_code",
        "stop_sequence",
        occurred_from=foreseen_at,
        delay_s=(foreseen_at - pl.col("planned_at")).dt.total_seconds().cast(pl.Int32),
    )
    calls = pl.concat([passed.select(foreseen.columns), foreseen]).sort(*_TRIP, "stop_sequence")
    listed = calls.group_by(_TRIP, maintain_order=True).agg(
        pl.col("stop_code").alias("stop_ids"),
        pl.col("stop_sequence").alias("stop_sequences"),
        pl.col("occurred_from").dt.epoch("s").alias("times"),
        pl.col("delay_s").alias("delays"),
    )
    return listed.join(last.drop("last_sequence", "late"), on=_TRIP, how="left", maintain_order="left")
