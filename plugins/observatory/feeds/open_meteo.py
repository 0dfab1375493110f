"""Open-Meteo: the weather of a place, hour by hour, foreseen or past."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, cast

import polars as pl

from observatory.feeds.base import require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, part
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import OpenMeteoSource
from observatory.territory.sources.open_meteo import Place
from observatory.window import Window

MOST_DAYS = 366
_OF_A_PLACE = ("station", "latitude", "longitude", "time")
_UNITS = {"temperature": "°C", "precipitation": "mm", "rain": "mm", "wind_speed": "m/s", "pressure": "hPa",
          "surface_pressure": "hPa", "relative_humidity": "%"}  # fmt: skip
_EXPECTED = "hourly weather as Open-Meteo gives it"


@dataclass(frozen=True)
class OpenMeteoFeed:
    """Hours of places, in UTC, degrees Celsius, millimetres and metres a second.

    Columns: ``station`` (the place's name in the territory file), ``latitude``, ``longitude``, ``time`` (UTC), and any
    hourly variable of Open-Meteo by its name. An hour without any value, because it is not computed yet, is no row.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        most_days: days asked for at a time.
        patience: how long the server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    most_days: int = MOST_DAYS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the hours of a window, place by place; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("OpenMeteoSource", self.feed.source)
        api = JsonClient(where, self.feed, self.patience)
        chunks = (
            self._hours(api, name, place, first, last)
            for name, place in source.places.items()
            for first, last in self._spans(window)
        )
        yield from within(window, (chunk for chunk in chunks if chunk.height), self.feed)

    def _spans(self, window: Window) -> Iterator[tuple[date, date]]:
        """First and last days in UTC that cover the window, which is of local days."""
        first, last = window.start.date(), (window.end - timedelta(seconds=1)).date()
        while first <= last:
            end = min(last, first + timedelta(days=self.most_days - 1))
            yield first, end
            first = end + timedelta(days=1)

    def _hours(self, api: JsonClient, name: str, place: Place, first: date, last: date) -> pl.DataFrame:
        dataset = cast("OpenMeteoSource", self.feed.source).dataset
        variables = [column for column in self.feed.read_columns if column not in _OF_A_PLACE]
        answer = api.get(
            f"v1/{dataset}",
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
        hourly = answer.get("hourly") if isinstance(answer, dict) else None
        if not isinstance(hourly, dict) or not isinstance(hourly.get("time"), list):
            raise api.changed("an answer without `hourly`", _EXPECTED)
        require_columns(api.subject, self.feed, {*hourly, *_OF_A_PLACE}, are_all=True)
        self._require_units(api, part(answer, "hourly_units"), variables)
        hours = pl.DataFrame(
            {"time": self._values(api, hourly, "time", str)}
            | {variable: self._values(api, hourly, variable, int | float) for variable in variables},
        )
        reported = hours.filter(pl.any_horizontal(pl.col(variables).is_not_null()))
        place_of = (pl.lit(name).alias("station"), pl.lit(place.latitude).alias("latitude"),
                    pl.lit(place.longitude).alias("longitude"))  # fmt: skip
        return reported.with_columns(place_of).select(self.feed.read_columns)

    def _values(self, api: JsonClient, hourly: dict[str, Any], name: str, kind: Any) -> pl.Series:
        values = hourly[name]
        if not isinstance(values, list) or len(values) != len(hourly["time"]):
            raise api.changed(f"{name} has not as many values as there are hours", "one for each")
        if not all(value is None or isinstance(value, kind) for value in values):
            raise api.changed(f"{name} has values of another kind", _EXPECTED)
        return pl.Series(name, values, dtype=pl.String if kind is str else pl.Float64, strict=False)

    def _require_units(self, api: JsonClient, units: dict[str, Any], variables: list[str]) -> None:
        """Refuse a number in another unit than the one asked for; the name of a variable begins with what it is."""
        for variable in variables:
            wanted = next((unit for what, unit in _UNITS.items() if variable.startswith(what)), None)
            if wanted and units.get(variable) not in (None, wanted):
                raise api.changed(f"{variable} is in {units[variable]}", f"it in {wanted}")
