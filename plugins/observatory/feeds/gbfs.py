"""GBFS: the current state of stations of shared bicycles and other vehicles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader, filled, part, tabulate
from observatory.territory.sources import GbfsSource

_STATION = "station_id"
_READ_AT = "last_updated"
_EXPECTED = "a system's list of feeds in GBFS"


class GbfsReader(JsonReader[GbfsSource]):
    """Stations with their description and current state, of GBFS versions 1 to 3; single vehicles are never requested.

    The columns are those of ``station_information`` and ``station_status``, and ``last_updated``, the time of the
    response; texts in several languages are read in the source's ``language``, else in the first one.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        addresses = self._addresses()
        information, _ = self._stations(addresses, "station_information")
        status, read_at = self._stations(addresses, "station_status")
        known = {str(station.get(_STATION)): station for station in information}
        stations = [
            {**known.get(str(each.get(_STATION)), {}), **each, _READ_AT: read_at}
            for each in status
            if each.get(_STATION)
        ]
        rows = tabulate(
            [_in_one_language(station, self.source.language) for station in stations], self.feed.read_columns
        )[0]
        if rows.height:
            delivered = {name for station in stations for name in station}
            nested = {name for name in self.feed.read_columns if name.partition(".")[0] in delivered}
            require_columns(self.subject, self.plan, delivered | filled(rows) | nested, are_all=True)
        yield rows

    def _addresses(self) -> dict[str, str]:
        """Name of each of the system's feeds to its address; versions 1 and 2 list them once per language."""
        data = self._data(self.api.get(self.source.address))
        if "feeds" not in data:
            data = part(data, self.source.language) or part(data, next(iter(data), ""))
        feeds = data.get("feeds")
        if not isinstance(feeds, list):
            raise self.api.changed("a list without feeds", _EXPECTED)
        return {str(feed.get("name")): str(feed.get("url")) for feed in feeds if isinstance(feed, dict)}

    def _stations(self, addresses: dict[str, str], name: str) -> tuple[list[dict[str, Any]], Any]:
        if name not in addresses:
            raise self.api.changed(f"a list of the feeds {sorted(addresses)}", f"one with {name}")
        response = self.api.get(addresses[name])
        stations = self._data(response).get("stations")
        if not isinstance(stations, list) or not all(isinstance(station, dict) for station in stations):
            raise self.api.changed(f"{name} without a list of stations", "stations")
        return stations, response.get(_READ_AT)

    def _data(self, response: Any) -> dict[str, Any]:
        if not isinstance(response, dict) or not isinstance(response.get("data"), dict):
            raise self.api.changed("a response without `data`", _EXPECTED)
        return response["data"]


def _in_one_language(station: dict[str, Any], language: str) -> dict[str, Any]:
    """The station with each translated text in one language."""
    translated = {}
    for name, value in station.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) and "text" in each for each in value):
            by_language = {str(each.get("language")): each["text"] for each in value}
            translated[name] = by_language.get(language, value[0]["text"])
        else:
            translated[name] = value
    return translated
