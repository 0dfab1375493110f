"""ArcGIS feature services: pages of features, until the server no longer says that it holds some back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
import shapely

from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, gathered
from observatory.kinds import KINDS
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import ArcgisSource
from observatory.window import Window

GEOMETRY = "geometry"
"""Column of a feature's shape as GeoJSON, in the reference system that the feed declares."""
PAGE_ROWS = 2_000
_DATE, _OBJECT_ID = "esriFieldTypeDate", "esriFieldTypeOID"


@dataclass(frozen=True)
class ArcgisFeed:
    """Features of one layer, in the order of their object identifiers.

    The server reprojects shapes to the feed's ``coordinates.epsg``. Moments are milliseconds since 1970 (``%s%3f``).

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        page_rows: rows asked for at a time; the server may send fewer.
        patience: how long the server is asked before it counts as down.
        chunk_rows: rows in memory at a time.
    """

    territory_code: str
    feed: FeedSettings
    page_rows: int = PAGE_ROWS
    patience: Patience = PATIENT
    chunk_rows: int = CHUNK_ROWS

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window; see ``Feed.read``."""
        api = JsonClient(f"{self.territory_code}/{self.feed.feed_id} {window}", self.feed, self.patience)
        path = f"{cast('ArcgisSource', self.feed.source).layer}"
        layer = self._answered(api, path, {"f": "json"})
        types = {str(field.get("name")): str(field.get("type")) for field in api.objects(layer, "fields")}
        delivered = {*types, *([GEOMETRY] if layer.get("geometryType") else [])}
        require_columns(api.subject, self.feed, delivered, are_all=True)
        query = self._query(window, types, layer)
        pages = self._pages(api, f"{path}/query", query)
        yield from within(window, gathered(pages, self.chunk_rows), self.feed)

    def _pages(self, api: JsonClient, path: str, query: Mapping[str, Any]) -> Iterator[pl.DataFrame]:
        offset, last_seen = 0, None
        while True:
            answer = self._answered(api, path, {**query, "resultOffset": offset, "resultRecordCount": self.page_rows})
            features = api.objects(answer, "features")
            if not features:
                return
            if features[0] == last_seen:
                raise SourceChanged(
                    api.subject,
                    found="the same page twice",
                    expected="a server that pages by resultOffset",
                    action=f"Ask {self.feed.owner} to allow pagination of the layer.",
                )
            last_seen = features[0]
            yield api.rows([self._flat(feature) for feature in features], are_all=True)
            offset += len(features)
            if not answer.get("exceededTransferLimit") and len(features) < self.page_rows:
                return

    def _flat(self, feature: Mapping[str, Any]) -> dict[str, Any]:
        attributes = feature.get("attributes") or {}
        return {**attributes, GEOMETRY: geojson(feature.get("geometry"))} if self._is_located else attributes

    @property
    def _is_located(self) -> bool:
        return GEOMETRY in self.feed.read_columns

    def _query(self, window: Window, types: Mapping[str, str], layer: Mapping[str, Any]) -> dict[str, Any]:
        conditions = [f"{column} IN ({_listed(values)})" for column, values in self.feed.where.items()]
        times = self.feed.window_sources if KINDS[self.feed.kind].time_column else ()
        if len(times) == 1 and types.get(times[0]) == _DATE:
            start, end = (f"TIMESTAMP '{edge:%Y-%m-%d %H:%M:%S}'" for edge in (window.start, window.end))
            conditions += [f"{times[0]} >= {start}", f"{times[0]} < {end}"]
        own = next((name for name, kind in types.items() if kind == _OBJECT_ID), None)
        order = layer.get("objectIdField") or own or ", ".join(self.feed.sources_of("source_record_id"))
        fields = [name for name in self.feed.read_columns if name != GEOMETRY]
        return {
            "f": "json",
            "where": " AND ".join(conditions) or "1=1",
            "outFields": ",".join(fields),
            "orderByFields": order,
            "returnGeometry": str(self._is_located).lower(),
            "outSR": self.feed.coordinates.epsg,
        }

    def _answered(self, api: JsonClient, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """The answer, unless it is an error: these come with status 200."""
        answer = api.get(path, query)
        error = answer.get("error") if isinstance(answer, dict) else {"message": f"{answer}"[:120]}
        if error:
            details = " ".join([str(error.get("message", "")), *map(str, error.get("details") or [])]).strip()
            raise SourceChanged(
                api.subject,
                found=f"the server refuses: {error.get('code', '')} {details}".strip(),
                expected="features",
                action=f"Correct `address`, `layer` or `columns` of feeds.{self.feed.feed_id} in "
                f"{self.feed.territory_file}.",
            )
        return answer


def geojson(geometry: Mapping[str, Any] | None) -> str | None:
    """An Esri shape as GeoJSON; rings are outlines and holes by how they lie, whichever way they turn."""
    if not geometry:
        return None
    if "x" in geometry:
        if not isinstance(geometry["x"], int | float):
            return None
        return f'{{"type": "Point", "coordinates": [{geometry["x"]!r}, {geometry["y"]!r}]}}'
    parts = [[point[:2] for point in part] for part in geometry.get("paths") or geometry.get("rings") or []]
    if not parts:
        return None
    lines = shapely.MultiLineString(parts)
    return shapely.to_geojson(shapely.build_area(lines) if "rings" in geometry else lines)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
