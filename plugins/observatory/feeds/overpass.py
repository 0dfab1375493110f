"""Overpass: places of OpenStreetMap by their tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from observatory.errors import SourceUnavailable
from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader, filled, part, tabulate
from observatory.territory.sources import OverpassSource

_SECONDS = 180
_EXPECTED = "places as Overpass lists them"


class OverpassReader(JsonReader[OverpassSource]):
    """Nodes, ways and relations as points; their editors are not requested.

    Columns: ``id`` (``way/1234``), ``lat`` and ``lon`` of the node or of the centre of the bounding box, and
    ``tags.<key>``, which is null for a place without that tag.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        response = self.api.get(self.source.address, {"data": _query(self.source)})
        elements = response.get("elements") if isinstance(response, dict) else None
        if not isinstance(elements, list) or not all(isinstance(element, dict) for element in elements):
            raise self.api.changed("a response without a list of `elements`", _EXPECTED)
        if "error" in (remark := str(response.get("remark") or "")):
            # sent with status 200, together with the places found until then
            raise SourceUnavailable(
                self.subject,
                found=f"the server gave up: {remark[:160]}",
                expected=_EXPECTED,
                action=f"Try again later; if it goes on, use fewer tags or a smaller rectangle in "
                f"{self.feed.territory_file}.",
            )
        rows = tabulate([_place(element) for element in elements], self.feed.read_columns)[0]
        if rows.height:
            require_columns(self.subject, self.plan, filled(rows), are_all=False)
        if elements and not any({"lat", "lon"} <= place.keys() for place in map(_position, elements)):
            raise self.api.changed("places without `lat` and `lon`", _EXPECTED)
        yield rows


def _query(source: OverpassSource) -> str:
    """The query in Overpass QL: elements with any of the tags in the rectangle, with only tags and centres."""
    area = f"{source.south},{source.west},{source.north},{source.east}"
    wanted = "".join(f'nwr["{key}"="{value}"];' for key, values in source.tags.items() for value in values)
    return f"[out:json][timeout:{_SECONDS}][bbox:{area}];({wanted});out center tags;"


def _place(element: dict[str, Any]) -> dict[str, Any]:
    position = _position(element)
    return {
        "id": f"{element.get('type')}/{element.get('id')}",
        "lat": position.get("lat"),
        "lon": position.get("lon"),
        "tags": part(element, "tags"),
    }


def _position(element: dict[str, Any]) -> dict[str, Any]:
    return part(element, "center") or element
