"""ArcGIS feature services: pages of features, until a short page no longer exceeds the transfer limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import shapely

from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader
from observatory.territory.sources import ArcgisSource

GEOMETRY = "geometry"
"""Column of a feature's geometry as GeoJSON, in the reference system that the feed declares."""
PAGE_ROWS = 2_000
_DATE, _OBJECT_ID = "esriFieldTypeDate", "esriFieldTypeOID"


@dataclass(frozen=True)
class ArcgisReader(JsonReader[ArcgisSource]):
    """Features of one layer, in the order of their object identifiers.

    The server reprojects geometries to the feed's ``coordinates.epsg``. Times are milliseconds since 1970 (``%s%3f``).

    Attributes:
        page_rows: features requested at a time; the server may send fewer.
    """

    page_rows: int = PAGE_ROWS

    def _frames(self) -> Iterator[pl.DataFrame]:
        path = f"{self.source.layer}"
        layer = self._get(path, {"f": "json"})
        types = {str(field.get("name")): str(field.get("type")) for field in self.api.objects(layer, "fields")}
        delivered = {*types, *([GEOMETRY] if layer.get("geometryType") else [])}
        require_columns(self.subject, self.plan, delivered, are_all=True)
        query = self._query(types, layer)
        offset, last_seen = 0, None
        while True:
            page = {**query, "resultOffset": offset, "resultRecordCount": self.page_rows}
            response = self._get(f"{path}/query", page)
            features = self.api.objects(response, "features")
            if not features:
                return
            if features[0] == last_seen:
                raise SourceChanged(
                    self.subject,
                    found="the same page twice",
                    expected="a server that pages by resultOffset",
                    action=f"Ask {self.feed.owner} to allow pagination of the layer.",
                )
            last_seen = features[0]
            yield self.api.rows([self._flat(feature) for feature in features], are_all=True)
            offset += len(features)
            if not response.get("exceededTransferLimit") and len(features) < self.page_rows:
                return

    def _flat(self, feature: Mapping[str, Any]) -> dict[str, Any]:
        attributes = feature.get("attributes") or {}
        return {**attributes, GEOMETRY: geojson(feature.get("geometry"))} if self._is_located else attributes

    @property
    def _is_located(self) -> bool:
        return GEOMETRY in self.feed.read_columns

    def _query(self, types: Mapping[str, str], layer: Mapping[str, Any]) -> dict[str, Any]:
        conditions = [f"{column} IN ({_listed(values)})" for column, values in self.feed.where.items()]
        times = self.plan.time_sources
        if len(times) == 1 and types.get(times[0]) == _DATE:
            start, end = (f"TIMESTAMP '{edge:%Y-%m-%d %H:%M:%S}'" for edge in (self.window.start, self.window.end))
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

    def _get(self, path: str, query: Mapping[str, Any]) -> dict[str, Any]:
        """Request JSON; errors are detected in the content, because the server sends them with status 200."""
        response = self.api.get(path, query)
        error = response.get("error") if isinstance(response, dict) else {"message": f"{response}"[:120]}
        if error:
            details = " ".join([str(error.get("message", "")), *map(str, error.get("details") or [])]).strip()
            raise SourceChanged(
                self.subject,
                found=f"the server refuses: {error.get('code', '')} {details}".strip(),
                expected="features",
                action=f"Correct `address`, `layer` or `columns` of feeds.{self.feed.feed_id} in "
                f"{self.feed.territory_file}.",
            )
        return response


def geojson(geometry: Mapping[str, Any] | None) -> str | None:
    """An Esri geometry as GeoJSON; which rings are holes follows from their position, not their orientation."""
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
