"""Overpass: places of OpenStreetMap by their tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from observatory.errors import SourceUnavailable
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, filled, part, tabulate
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import OverpassSource
from observatory.window import Window

_SECONDS = 180
_EXPECTED = "places as Overpass lists them"


@dataclass(frozen=True)
class OverpassFeed:
    """Nodes, ways and relations as points; who drew them is not asked for.

    Columns: ``id`` (``way/1234``), ``lat`` and ``lon`` of the node or of the middle of its rectangle, and
    ``tags.<key>``. A place without a tag has null there.

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
        """Yield the places; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("OverpassSource", self.feed.source)
        api = JsonClient(where, self.feed, self.patience)
        answer = api.get(source.address, {"data": _query(source)})
        elements = answer.get("elements") if isinstance(answer, dict) else None
        if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
            raise api.changed("an answer without a list of `elements`", _EXPECTED)
        if "error" in (remark := str(answer.get("remark") or "")):
            # sent with status 200, beside the places that were found until then
            raise SourceUnavailable(
                where,
                found=f"the server gave up: {remark[:160]}",
                expected=_EXPECTED,
                action=f"Try again later; if it goes on, ask for fewer tags or a smaller rectangle in "
                f"{self.feed.territory_file}.",
            )
        rows = tabulate([_place(element) for element in elements], self.feed.read_columns)[0]
        if rows.height:
            require_columns(where, self.feed, filled(rows), are_all=False)
        if elements and not any({"lat", "lon"} <= place.keys() for place in map(_where, elements)):
            raise api.changed("places without `lat` and `lon`", _EXPECTED)
        yield from within(window, (chunk for chunk in rows.iter_slices(self.chunk_rows) if chunk.height), self.feed)


def _query(source: OverpassSource) -> str:
    """The query in Overpass's language: any of the tags, in the rectangle, with tags and middles alone."""
    area = f"{source.south},{source.west},{source.north},{source.east}"
    wanted = "".join(f'nwr["{key}"="{value}"];' for key, values in source.tags.items() for value in values)
    return f"[out:json][timeout:{_SECONDS}][bbox:{area}];({wanted});out center tags;"


def _place(element: dict[str, Any]) -> dict[str, Any]:
    middle = _where(element)
    return {
        "id": f"{element.get('type')}/{element.get('id')}",
        "lat": middle.get("lat"),
        "lon": middle.get("lon"),
        "tags": part(element, "tags"),
    }


def _where(element: dict[str, Any]) -> dict[str, Any]:
    return part(element, "center") or element
