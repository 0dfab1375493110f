"""Open-Meteo: hourly weather of a place, forecast or past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader, part
from observatory.territory.sources import OpenMeteoSource
from observatory.territory.sources.open_meteo import Place

MOST_DAYS = 366
_OF_A_PLACE = ("station", "latitude", "longitude", "time")
_UNITS = {"temperature": "°C", "precipitation": "mm", "rain": "mm", "wind_speed": "m/s", "pressure": "hPa",
          "surface_pressure": "hPa", "relative_humidity": "%"}  # fmt: skip
_EXPECTED = "hourly weather as Open-Meteo gives it"


@dataclass(frozen=True)
class OpenMeteoReader(JsonReader[OpenMeteoSource]):
    """Hours of places, in UTC, degrees Celsius, millimetres and metres per second.

    Columns: ``station`` (the place's name in the territory file), ``latitude``, ``longitude``, ``time`` (UTC), and any
    hourly variable of Open-Meteo by its name. Hours without any value, which are not computed yet, are skipped.

    Attributes:
        most_days: days requested at a time.
    """

    most_days: int = MOST_DAYS

    def _frames(self) -> Iterator[pl.DataFrame]:
        for name, place in self.source.places.items():
            for first, last in self._spans():
                yield self._hours(name, place, first, last)

    def _spans(self) -> Iterator[tuple[date, date]]:
        """First and last days in UTC that together cover the window, which is of local days."""
        window = self.window
        first, last = window.start.date(), (window.end - timedelta(seconds=1)).date()
        while first <= last:
            end = min(last, first + timedelta(days=self.most_days - 1))
            yield first, end
            first = end + timedelta(days=1)

    def _hours(self, name: str, place: Place, first: date, last: date) -> pl.DataFrame:
        variables = [column for column in self.feed.read_columns if column not in _OF_A_PLACE]
        response = self.api.get(
            f"v1/{self.source.dataset}",
            {
                "latitude": place.latitude,
                "longitude": place.longitude,
                "start_date": f"{first}",
                "end_date": f"{last}",
                "hourly": ",".join(variables),
                "timezone": "GMT",
                "wind_speed_unit": "ms",
            },
        )
        hourly = response.get("hourly") if isinstance(response, dict) else None
        if not isinstance(hourly, dict) or not isinstance(hourly.get("time"), list):
            raise self.api.changed("a response without `hourly`", _EXPECTED)
        require_columns(self.subject, self.plan, {*hourly, *_OF_A_PLACE}, are_all=True)
        self._require_units(part(response, "hourly_units"), variables)
        hours = pl.DataFrame(
            {"time": self._values(hourly, "time", str)}
            | {variable: self._values(hourly, variable, int | float) for variable in variables},
        )
        reported = hours.filter(pl.any_horizontal(pl.col(variables).is_not_null()))
        place_of = (pl.lit(name).alias("station"), pl.lit(place.latitude).alias("latitude"),
                    pl.lit(place.longitude).alias("longitude"))  # fmt: skip
        return reported.with_columns(place_of).select(self.feed.read_columns)

    def _values(self, hourly: dict[str, Any], name: str, kind: Any) -> pl.Series:
        values = hourly[name]
        if not isinstance(values, list) or len(values) != len(hourly["time"]):
            raise self.api.changed(f"the number of values of {name} is not that of hours", "one for each hour")
        if not all(value is None or isinstance(value, kind) for value in values):
            raise self.api.changed(f"{name} has values of another type", _EXPECTED)
        return pl.Series(name, values, dtype=pl.String if kind is str else pl.Float64, strict=False)

    def _require_units(self, units: dict[str, Any], variables: list[str]) -> None:
        """Refuse a variable in another unit than the requested one, which follows from the beginning of its name."""
        for variable in variables:
            wanted = next((unit for what, unit in _UNITS.items() if variable.startswith(what)), None)
            if wanted and units.get(variable) not in (None, wanted):
                raise self.api.changed(f"{variable} is in {units[variable]}", f"it in {wanted}")
