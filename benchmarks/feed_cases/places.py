"""Stations of shared bicycles, places of a map, and the weather of places, each from a server in another process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams

from benchmarks.feed_cases.case import DEGREES, Case, moments

WEATHER_PLACES = 140
HOURS = [f"{at:%Y-%m-%dT%H:%M}" for at in moments(30 * 24)]
UNITS = {"temperature_2m": "°C", "precipitation": "mm", "wind_speed_10m": "m/s"}
"""Variable to its unit."""


def gbfs(_: Path, rows: int) -> Any:
    information = [
        {"station_id": f"{n}", "name": f"Station {n}", "lat": 43.3, "lon": 5.0, "capacity": 20} for n in range(rows)
    ]
    status = [
        {"station_id": f"{n}", "num_bikes_available": 15, "num_docks_available": 5, "is_returning": True,
         "last_reported": int(at.timestamp())}
        for n, at in enumerate(moments(rows))
    ]  # fmt: skip
    stations = {"station_information": information, "station_status": status}

    def answer(path: str, _: QueryParams, headers: Mapping[str, str]) -> Any:
        name = path.rpartition("/")[2].removesuffix(".json")
        if name in stations:
            return {"last_updated": status[-1]["last_reported"], "ttl": 60, "data": {"stations": stations[name]}}
        feeds = [{"name": each, "url": f"http://{headers['host']}/{each}.json"} for each in stations]
        return {"version": "2.3", "data": {"fr": {"feeds": feeds}}}

    return answer


def overpass(_: Path, rows: int) -> Any:
    elements = [
        {"type": "node", "id": n, "lat": 43.3, "lon": 5.0, "tags": {"amenity": "school", "name": f"School {n}"}}
        for n in range(rows)
    ]
    return lambda *_: {"version": 0.6, "elements": elements}


def open_meteo(_: Path, rows: int) -> Any:
    """The rows are shared out among the places, an hour at a time from the month's first on."""

    def answer(_: str, query: QueryParams, __: Mapping[str, str]) -> Any:
        number = round((float(query["longitude"]) - 5) * 10_000)
        first, last = date.fromisoformat(query["start_date"]), date.fromisoformat(query["end_date"])
        reported = HOURS[: (rows + WEATHER_PLACES - 1 - number) // WEATHER_PLACES]
        times = [hour for hour in reported if first <= date.fromisoformat(hour[:10]) <= last]
        values = {name: [12.5] * len(times) for name in query["hourly"].split(",")}
        return {"hourly_units": UNITS, "hourly": {"time": times, **values}}

    return answer


PLACES = {
    "gbfs": Case(
        {"protocol": "gbfs"},
        {**DEGREES, "car_park_code": "station_id", "place_name": "name", "occurred_from": "last_reported",
         "free_count": "num_docks_available", "capacity_count": "capacity", "is_open": "is_returning"},
        gbfs, None, {"date_formats": ["%s"]}, "parking_occupancy",
    ),
    "overpass": Case(
        {"protocol": "overpass", "tags": {"amenity": ["school"]}, "south": 43, "north": 44, "west": 4, "east": 6},
        {**DEGREES, "source_record_id": "id", "place_type": "tags.amenity", "place_name": "tags.name"},
        overpass, None, {}, "sensitive_place",
    ),
    "open_meteo": Case(
        {"protocol": "open_meteo", "dataset": "archive",
         "places": {f"{n}": {"latitude": 43.3, "longitude": 5 + n / 10_000} for n in range(WEATHER_PLACES)}},
        {"station_code": "station", "occurred_from": "time", "longitude_deg": "longitude", "latitude_deg": "latitude",
         "temperature_c": "temperature_2m", "rain_mm": "precipitation", "wind_m_s": "wind_speed_10m"},
        open_meteo, None,
        {"clock": "utc", "date_formats": ["%Y-%m-%dT%H:%M"], "occurred_precision": "hour",
         "constants": {"is_forecast": "false"}},
        "weather", most_rows=100_000,
    ),
}  # fmt: skip
