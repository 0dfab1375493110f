"""Public transport: lines, stops and timetable, the same for every seed. A call is one stop of one trip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.spatial import cKDTree

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import days_of
from observatory.simulator.world.draws import Floats, Integers, choose, name_key, uniform
from observatory.simulator.world.occurrences import homes
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL
from observatory.simulator.world.parameters.mobility import Mode, Transit

SERVICES = ("SEM", "SAM", "DIM")
"""Working days, Saturdays, Sundays and holidays."""
HOLIDAYS = ((1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25))
"""Month and day; holidays that depend on Easter are working days here."""

_EVENING_H = 21
_ROUNDED_S = 30
_WORKING_DAYS = 0
_BY_WEEKDAY = np.array([0, 0, 0, 0, 0, 1, 2])


@dataclass(frozen=True)
class Network:
    """The network and its timetable.

    Attributes:
        lines: ``line_code``, ``mode``, ``route_type``, ``delay_s``.
        stops: ``stop_code``, ``stop_name``, ``longitude_deg``, ``latitude_deg``, ``parent_code`` (null for a stop in
            the street).
        calls: ``service`` (position in ``SERVICES``), ``trip`` (number), ``trip_code``, ``line_code``, ``direction``,
            ``stop_code``, ``stop_sequence``, ``departs`` (hour at which the trip does), ``second`` of the service day
            and ``growth`` of the delay along the trip; sorted by trip and sequence.
    """

    lines: pl.DataFrame
    stops: pl.DataFrame
    calls: pl.DataFrame


def service_of(days: Integers) -> Integers:
    """(d,) which service runs on each day (proleptic ordinal), as a position in ``SERVICES``."""
    service = _BY_WEEKDAY[(days - ORIGIN_ORDINAL) % 7]
    first, end = date.fromordinal(int(days.min())), date.fromordinal(int(days.max()))
    off = [date(year, *each).toordinal() for year in range(first.year, end.year + 1) for each in HOLIDAYS]
    return np.where(np.isin(days, off), len(SERVICES) - 1, service)


def holidays(first_day: date, end_day: date) -> list[date]:
    """Holidays that are no Sunday, on the days ``[first_day, end_day)``."""
    days = days_of(first_day, end_day)
    is_off = (service_of(days) == len(SERVICES) - 1) & ((days - ORIGIN_ORDINAL) % 7 != len(_BY_WEEKDAY) - 1)
    return [date.fromordinal(int(day)) for day in days[is_off]]


@lru_cache(maxsize=2)
def build_network(transit: Transit, population: int) -> Network:
    """Build the lines and trips of a city with a given population."""
    lines, calls, first_trip = [], [], 0
    for mode in transit.modes:
        for number in range(max(mode.least_lines, round(population / mode.people_per_line))):
            code = f"{mode.letter}{number + 1}"
            path = dict(transit.paths).get(code) or _drawn_path(code)
            of_line = _calls(transit, mode, code, _stops_along(path, mode.spacing_m), first_trip)
            first_trip += of_line["trip"].n_unique()
            lines.append((code, mode.code, mode.route_type, mode.delay_s[number % len(mode.delay_s)]))
            calls.append(of_line)
    table = pl.DataFrame(lines, schema=["line_code", "mode", "route_type", "delay_s"], orient="row")
    all_calls = pl.concat(calls)
    with_station = [each.code for each in transit.modes if each.has_stations]
    is_platform = pl.col("mode").is_in(with_station)
    called = all_calls.join(table, on="line_code").group_by("address").agg(is_platform.any())
    stops = called.sort("address").select("address", stop_code=_stop_code(), is_platform="mode")
    return Network(table, _described(stops), all_calls.with_columns(stop_code=_stop_code()).drop("address"))


def _stop_code(letter: str = "S") -> pl.Expr:
    return letter + pl.col("address").cast(pl.String).str.zfill(5)


def _described(stops: pl.DataFrame) -> pl.DataFrame:
    city = build_city()
    address = stops["address"].to_numpy()
    return stops.select(
        "stop_code",
        stop_name=pl.format("Arrêt {}", "address"),
        longitude_deg=pl.Series(city.lonlat[address, 0]),
        latitude_deg=pl.Series(city.lonlat[address, 1]),
        parent_code=pl.when("is_platform").then(_stop_code("G")),
    )


def _drawn_path(code: str) -> tuple[tuple[float, float], ...]:
    """From one residential area to another, through the centre."""
    city, weights = homes()
    keys = np.full(3, name_key(f"line {code}"))
    keys += np.arange(3, dtype=np.uint64)
    options = np.stack([weights, homes(1.0)[1], weights])
    places = city.addresses[choose(keys, "path", np.arange(3), options)] - city.centre
    return tuple((float(east), float(north)) for east, north in places)


def _stops_along(path: tuple[tuple[float, float], ...], spacing_m: float) -> tuple[Integers, Floats]:
    """Addresses nearest to a path at a regular distance, and the position of each along it, metres."""
    corners = np.array(path)
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    count = max(round(along[-1] / spacing_m), 2) + 1
    distance = np.linspace(0, along[-1], count)
    points = np.column_stack([np.interp(distance, along, axis) for axis in corners.T])
    _, address = _nearest().query(points)
    _, first = np.unique(address, return_index=True)
    kept = np.sort(first)
    return address[kept].astype(np.int64), distance[kept]


@cache
def _nearest() -> cKDTree:
    city = build_city()
    return cKDTree(city.addresses - city.centre)


def _calls(transit: Transit, mode: Mode, code: str, stops: tuple[Integers, Floats], first_trip: int) -> pl.DataFrame:
    """Every call of a line's trips, both ways, on the days of every service."""
    address, distance = stops
    seconds = distance / (mode.speed_kmh / 3.6)
    trips = []
    for number, factor in enumerate((1.0, *transit.weekend_factors)):
        for way in (0, 1):
            hours = _departures(transit, mode, f"{code} {way}", factor, is_working_day=number == _WORKING_DAYS)
            trips.append((np.full(len(hours), number), np.full(len(hours), way), hours))
    service, direction, departs = (np.concatenate(each) for each in zip(*trips, strict=True))
    count, length = len(departs), len(address)
    after_first = np.where(direction[:, None] == 0, seconds, (seconds[-1] - seconds)[::-1])
    called = np.where(direction[:, None] == 0, address, address[::-1])
    second = np.round((departs[:, None] * 3600 + after_first) / _ROUNDED_S) * _ROUNDED_S
    trip = np.repeat(np.arange(count), length)
    frame = pl.DataFrame(
        {
            "service": service[trip].astype(np.int8),
            "trip": first_trip + trip,
            "direction": direction[trip].astype(np.int8),
            "address": called.ravel(),
            "stop_sequence": np.tile(np.arange(1, length + 1, dtype=np.int32), count),
            "departs": departs[trip],
            "second": second.ravel().astype(np.int64),
            "growth": np.tile(2 * np.arange(1, length + 1) / (length + 1), count),
        }
    )
    name = pl.Series(SERVICES).gather(service[trip])
    ordinal = pl.Series(trip + 1).cast(pl.String).str.zfill(4)
    return frame.with_columns(trip_code=f"{code}-" + name + "-" + ordinal, line_code=pl.lit(code))


def _departures(transit: Transit, mode: Mode, name: str, factor: float, *, is_working_day: bool) -> Floats:
    """Hours at which trips depart, evenly by the headway of the hour."""
    rush, by_day, evening = (minutes * factor / 60 for minutes in mode.headways_min)
    hour = mode.first_h + float(uniform(np.array([name_key(name)]), "first")[0]) * by_day
    found = []
    while hour < mode.last_h:
        found.append(hour)
        is_rush = is_working_day and any(start <= hour < end for start, end in transit.rush_h)
        hour += rush if is_rush else evening if hour >= _EVENING_H else by_day
    return np.array(found)


def calls_of(network: Network, first_day: date, end_day: date) -> pl.DataFrame:
    """The calls of the service days that have any on the local days ``[first_day, end_day)``, with ``day`` (ordinal).

    Of the service day before, only those late enough to be after midnight.
    """
    days = days_of(first_day - timedelta(days=1), end_day)
    running = pl.DataFrame({"day": days, "service": service_of(days).astype(np.int8)})
    evening = network.calls.filter(pl.col("second") >= (_EVENING_H + 1) * 3600)
    before = evening.join(running.head(1), on="service", maintain_order="left")
    return pl.concat([before, network.calls.join(running[1:], on="service", maintain_order="left")])


def is_rush(transit: Transit, service: Integers, hour: Floats) -> npt.NDArray[np.bool_]:
    """Whether each hour is a rush hour; ``service`` is the index of the service that runs."""
    inside = np.any([(hour >= start) & (hour < end) for start, end in transit.rush_h], axis=0)
    return inside & (service == _WORKING_DAYS)
