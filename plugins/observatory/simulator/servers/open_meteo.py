"""Open-Meteo: the hours of a place between two days, each variable as a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer

Hourly = Callable[[str, float, float, datetime, datetime], pl.DataFrame]
"""From the dataset, latitude, longitude, first moment and end to the known hours of the place: ``hour`` (UTC), and the
variables in the units of ``UNITS``."""

UNITS = {"temperature_2m": "°C", "precipitation": "mm", "wind_speed_10m": "m/s", "relative_humidity_2m": "%",
         "surface_pressure": "hPa"}  # fmt: skip
_DATASETS = ("archive", "forecast")
_SPEEDS = {"ms": ("m/s", 1.0), "kmh": ("km/h", 3.6)}
_MOST_DAYS = 366


def open_meteo(hourly: Hourly) -> Answer:
    """The weather of places; unknown hours are null, wind is in km/h by default."""

    def answer(path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        dataset = path.removeprefix("/v1/")
        if dataset not in _DATASETS:
            return JSONResponse({"error": True, "reason": "Not Found"}, status_code=404)
        variables = query.get("hourly", "").split(",")
        if unknown := [name for name in variables if name not in UNITS]:
            return _refusal(f"Data corrupted at path ''. Cannot initialize from invalid String value {unknown[0]}.")
        if query.get("timezone", "GMT") != "GMT":
            return _refusal("Invalid timezone: this server knows GMT alone")
        first, last = date.fromisoformat(query["start_date"]), date.fromisoformat(query["end_date"])
        if not first <= last < first + timedelta(days=_MOST_DAYS):
            return _refusal(f"End-date must be at most {_MOST_DAYS - 1} days after start-date")
        start, end = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
        place = float(query["latitude"]), float(query["longitude"])
        unit, factor = _SPEEDS[query.get("wind_speed_unit", "kmh")]
        every = pl.DataFrame({"hour": pl.datetime_range(start, end, "1h", closed="left", eager=True)})
        known = hourly(dataset, *place, start, end).with_columns((pl.col("wind_speed_10m") * factor).round(2))
        hours = every.join(known, on="hour", how="left", maintain_order="left")
        units = {**UNITS, "wind_speed_10m": unit}
        return {
            "latitude": place[0],
            "longitude": place[1],
            "timezone": "GMT",
            "simulated": True,
            "hourly_units": {"time": "iso8601", **{name: units[name] for name in variables}},
            "hourly": {
                "time": hours["hour"].dt.strftime("%Y-%m-%dT%H:%M").to_list(),
                **{name: hours[name].to_list() for name in variables},
            },
        }

    return answer


def _refusal(reason: str) -> Response:
    return JSONResponse({"error": True, "reason": reason}, status_code=400)
