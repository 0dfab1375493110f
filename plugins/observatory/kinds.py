"""Kinds of record: name, time column and retention of each, without the libraries that contracts import.

The columns of a kind and their checks are its contract, ``observatory.contracts.<name>``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

ONE_YEAR = 365
"""Days."""


@dataclass(frozen=True)
class Kind:
    """A kind of record.

    Attributes:
        name: name of the kind, of its contract's module and of its table in ``raw``.
        row: what one row of the table is a version of, e.g. ``an incident record``.
        time_column: column by which records are selected for a window; None if every read returns all of them.
        retention_days: how long its versions are kept, days; None for no limit.
        correction_days: how far back sources correct records, days, unless the feed states it.
        plausible_from: earliest day that a record with a time may have, unless the feed's history starts earlier.
        plausible_ahead_days: how far in the future a record with a time may lie, days; one allows for a wrong clock.
        is_signal: whether records are kept as Parquet by day, and only their hourly sums in the warehouse.
        is_derived: whether the observatory computes the records itself, so that no feed delivers them.
    """

    name: str
    row: str
    time_column: str | None = "occurred_from"
    retention_days: int | None = 5 * ONE_YEAR
    correction_days: int = 30
    plausible_from: date = date(1990, 1, 1)
    plausible_ahead_days: int = 1
    is_signal: bool = False
    is_derived: bool = False


_ALL = (
    Kind("accident", "a road accident with injury", retention_days=None, correction_days=366),
    Kind("camera", "a camera of the registry", time_column=None, retention_days=None),
    Kind(
        "cell",
        "a grid cell whose centre lies in the city boundary; the position is that of the centre",
        time_column=None,
        retention_days=None,
        is_derived=True,
    ),
    Kind("citation", "a citation record"),
    Kind("citizen_report", "a request to a city service", correction_days=90),
    Kind("city_event", "a timing of an event of the city", time_column=None),
    Kind("delinquency_statistic", "an indicator of an area and a year", time_column=None, retention_days=None),
    Kind("event_measure", "a measure planned for an event", time_column=None),
    Kind("fire_operation", "an operation of the fire brigade"),
    Kind("hospital_activity", "the visits to an establishment on a day, by age group and reason"),
    Kind("impound", "a tow to the pound"),
    Kind("incident", "an incident record"),
    Kind("operation", "a targeted operation", time_column=None),
    Kind(
        "parking_occupancy",
        "the free spaces of a car park at one time",
        retention_days=2 * ONE_YEAR,
        correction_days=1,
        is_signal=True,
    ),
    Kind("pitch", "a market or a pitch in public space", time_column=None),
    Kind("population_flow", "the size of a segment of the population in a zone and a time slot", is_signal=True),
    Kind("presence", "the patrol of a cell during a shift", plausible_ahead_days=60),
    Kind("public_work", "a public work", time_column=None),
    Kind("sensitive_place", "a sensitive place", time_column=None, retention_days=None),
    Kind(
        "social_signal",
        "a public message, reduced to tone, themes and place",
        retention_days=ONE_YEAR,
        correction_days=2,
    ),
    Kind("street_light", "an outage of a street light", time_column=None),
    Kind("street_vending", "a sighting of street vending"),
    Kind("traffic_measure", "a measurement of a site on a road over an interval", is_signal=True),
    Kind(
        "transit_service",
        "a stop of a trip of public transport, planned or observed",
        retention_days=2 * ONE_YEAR,
        correction_days=1,
        plausible_ahead_days=ONE_YEAR,
        is_signal=True,
    ),
    Kind(
        "video_alert",
        "an alert that analytics raised at a camera; metadata only",
        retention_days=30,
        correction_days=2,
    ),
    Kind(
        "weather",
        "the weather at a station in one hour",
        retention_days=None,
        correction_days=7,
        plausible_ahead_days=16,
    ),
    Kind(
        "zone",
        "a zone (city boundary, district or quarter), geometry in WGS 84, longitude first",
        time_column=None,
        retention_days=None,
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""Every kind by its name, in alphabetical order."""
