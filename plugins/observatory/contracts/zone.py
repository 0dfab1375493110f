"""Zones: the boundary of the city and its districts."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandera.polars as pa
import polars as pl
import shapely

from observatory import grid
from observatory.contracts import read
from observatory.contracts.base import UNUSABLE, UTC_TIME, Kind, Moment
from observatory.window import local_midnight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from observatory.feeds.settings import ZoneFeed
    from observatory.territory import Bounds, Territory

GEOMETRY = "geometry"
"""Column of a zone feed's rows with the area as GeoJSON text."""

_ALWAYS = date(1970, 1, 1)


class Zone(pa.DataFrameModel):
    """One zone, its area in WGS 84."""

    source_record_id: str = pa.Field(str_length={"min_value": 1})
    published_at: Moment = pa.Field(nullable=True)
    known_at: Moment
    zone_type: str = pa.Field(isin=["city", "district"])
    zone_code: str
    zone_name: str
    geometry_wkt: str
    area_km2: float = pa.Field(gt=0)

    @pa.check("geometry_wkt", name="an area")
    def _is_area(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("geometry_wkt").str.contains(r"^(MULTI)?POLYGON \("))

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True


def conform(rows: pl.DataFrame, territory: Territory, feed: ZoneFeed) -> pl.DataFrame:
    """Turn areas with a code and a name into records of the kind.

    Args:
        rows: one row per area; column ``geometry`` has GeoJSON in WGS 84, shape (n, any).
        territory: the city; its grid is the plane in which areas are measured.
        feed: how the source writes; without ``columns`` code and name are the city's.

    Returns:
        The kind's columns and ``unusable_column``, shape (n, 9), row i made of row i. Self-crossing outlines are
        repaired; an area elsewhere than in the city's bounds is unusable (another reference system, as a rule); a zone
        is known from the feed's ``history_start``, for all time without one.
    """
    areas = shapely.make_valid(shapely.from_geojson(rows[GEOMETRY].to_numpy(), on_invalid="ignore"))
    plane = shapely.transform(areas, lambda xy: np.column_stack(grid.project(xy[:, 0], xy[:, 1], territory.grid.epsg)))
    own = {"zone_code": pl.lit(territory.code), "zone_name": pl.lit(territory.name)}
    named = {name: read.text(source) for name, source in feed.columns.items()}
    known_at = local_midnight(feed.history_start or _ALWAYS, territory.timezone)
    return rows.select(**(own | named)).select(
        source_record_id=pl.concat_str(pl.lit(f"{feed.zone_type}:"), "zone_code"),
        published_at=pl.lit(None, UTC_TIME),
        known_at=pl.lit(known_at).cast(UTC_TIME),
        zone_type=pl.lit(feed.zone_type),
        zone_code=pl.col("zone_code"),
        zone_name=pl.col("zone_name"),
        geometry_wkt=_texts(areas),
        area_km2=pl.Series((shapely.area(plane) / 1e6).round(6)).fill_nan(None),
        **{UNUSABLE: _elsewhere(areas, territory.bounds)},
    )


def _elsewhere(areas: NDArray[np.object_], bounds: Bounds) -> pl.Series:
    west, south, east, north = shapely.bounds(areas).T
    longitude, latitude = (west + east) / 2, (south + north) / 2
    inside = (
        (bounds.west < longitude) & (longitude < bounds.east) & (bounds.south < latitude) & (latitude < bounds.north)
    )
    return pl.select(pl.when(~pl.Series(inside)).then(pl.lit("geometry_wkt"))).to_series()


def _texts(areas: NDArray[np.object_]) -> pl.Series:
    """Well-known text to seven decimals (a centimetre)."""
    return pl.Series([*shapely.to_wkt(areas, rounding_precision=7)], dtype=pl.String)


KIND = Kind("zone", Zone)
