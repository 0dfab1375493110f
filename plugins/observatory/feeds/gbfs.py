"""GBFS: stations of shared bicycles and their like, as they are now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, filled, part, tabulate, token_header
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import GbfsSource
from observatory.window import Window

_STATION = "station_id"
_READ_AT = "last_updated"
_EXPECTED = "a system's list of feeds in GBFS"


@dataclass(frozen=True)
class GbfsFeed:
    """Stations with what they are and what they hold now, of versions 1 to 3; single vehicles are never asked for.

    The columns are those of ``station_information`` and ``station_status``, and ``last_updated``, the moment of the
    answer; what one names in several languages is in the one that the territory file says, else the first.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in a chunk.
        patience: how long the server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the stations whose time lies in the window; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("GbfsSource", self.feed.source)
        api = JsonClient(where, self.feed, self.patience, token_header(where, source.token_variable))
        addresses = self._addresses(api, source)
        information, _ = self._stations(api, addresses, "station_information")
        status, read_at = self._stations(api, addresses, "station_status")
        known = {str(station.get(_STATION)): station for station in information}
        stations = [
            {**known.get(str(each.get(_STATION)), {}), **each, _READ_AT: read_at}
            for each in status
            if each.get(_STATION)
        ]
        rows = tabulate([_in_one_language(station, source.language) for station in stations], self.feed.read_columns)[0]
        if rows.height:
            delivered = {name for station in stations for name in station}
            nested = {name for name in self.feed.read_columns if name.partition(".")[0] in delivered}
            require_columns(where, self.feed, delivered | filled(rows) | nested, are_all=True)
        yield from within(window, (chunk for chunk in rows.iter_slices(self.chunk_rows) if chunk.height), self.feed)

    def _addresses(self, api: JsonClient, source: GbfsSource) -> dict[str, str]:
        """Name of each feed to its address; versions 1 and 2 list them once per language."""
        data = _data(api, api.get(source.address))
        if "feeds" not in data:
            data = part(data, source.language) or part(data, next(iter(data), ""))
        feeds = data.get("feeds")
        if not isinstance(feeds, list):
            raise api.changed("a list without feeds", _EXPECTED)
        return {str(feed.get("name")): str(feed.get("url")) for feed in feeds if isinstance(feed, dict)}

    def _stations(self, api: JsonClient, addresses: dict[str, str], name: str) -> tuple[list[dict[str, Any]], Any]:
        if name not in addresses:
            raise api.changed(f"a list of the feeds {sorted(addresses)}", f"one with {name}")
        answer = api.get(addresses[name])
        stations = _data(api, answer).get("stations")
        if not isinstance(stations, list) or not all(isinstance(station, dict) for station in stations):
            raise api.changed(f"{name} without a list of stations", "stations")
        return stations, answer.get(_READ_AT)


def _data(api: JsonClient, answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
        raise api.changed("an answer without `data`", _EXPECTED)
    return answer["data"]


def _in_one_language(station: dict[str, Any], language: str) -> dict[str, Any]:
    """The station with each translated text in one language."""
    said = {}
    for name, value in station.items():
        if isinstance(value, list) and value and all(isinstance(each, dict) and "text" in each for each in value):
            spoken = {str(each.get("language")): each["text"] for each in value}
            said[name] = spoken.get(language, value[0]["text"])
        else:
            said[name] = value
    return said
