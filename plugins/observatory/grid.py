"""The grid: square cells of a projected reference system, and which cells make up a city.

A cell's id states its reference system, size and south-west corner, as INSPIRE and INSEE do:
``CRS3035RES200mN2029800E4252400``. This module imports nothing of the package, since ``ml`` imports it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

WGS84 = 4326
CELL_ID_PATTERN = r"^CRS(\d+)RES(\d+)mN(-?\d+)E(-?\d+)$"

Floats = NDArray[np.float64]


class Points(NamedTuple):
    """Coordinates as two equally long float arrays: east first, in the unit of their reference system."""

    east: Floats
    north: Floats


@lru_cache(maxsize=32)
def _transformer(source_epsg: int, target_epsg: int) -> Transformer:
    return Transformer.from_crs(source_epsg, target_epsg, always_xy=True)


def reproject(east: ArrayLike, north: ArrayLike, source_epsg: int, target_epsg: int) -> Points:
    """Transform points from one reference system to another.

    Args:
        east: eastings or longitudes, shape (n,); NaN for a missing point.
        north: northings or latitudes, shape (n,).
        source_epsg: EPSG number of the points' reference system, which also determines their unit (metres, feet).
        target_epsg: EPSG number of the result.

    Returns:
        Shape (n,) each; NaN where the input is NaN or cannot be expressed in the target system.
    """
    # np.array copies: the transformation works in place and must not overwrite the caller's array
    x, y = _transformer(source_epsg, target_epsg).transform(np.array(east, float), np.array(north, float))
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return Points(np.where(lost, np.nan, x), np.where(lost, np.nan, y))


def project(longitude: ArrayLike, latitude: ArrayLike, epsg: int) -> Points:
    """Easting and northing of WGS 84 points (degrees), in the unit of ``epsg``; shape (n,) each, NaN for missing."""
    return reproject(longitude, latitude, WGS84, epsg)


def cell_ids(easting: ArrayLike, northing: ArrayLike, epsg: int, cell_size_m: int) -> pl.Series:
    """The cell of each point; a point on an edge belongs to the cell east and north of it.

    Args:
        easting: metres, shape (n,); NaN for a missing point.
        northing: metres, shape (n,).
        epsg: reference system of the grid.
        cell_size_m: side of a cell, metres.

    Returns:
        ``cell_id`` (str), shape (n,); null where the point is missing.
    """
    corners = pl.DataFrame({"e": np.asarray(easting, float), "n": np.asarray(northing, float)}).select(
        (pl.all().fill_nan(None) / cell_size_m).floor().cast(pl.Int64) * cell_size_m
    )
    return corners.select(
        cell_id=pl.concat_str(pl.lit(f"CRS{epsg}RES{cell_size_m}mN"), "n", pl.lit("E"), "e")
    ).to_series()


def parse_cell_ids(cell_id: pl.Series) -> pl.DataFrame:
    """Split cell ids into their parts.

    Args:
        cell_id: ids, shape (n,).

    Returns:
        Columns ``epsg``, ``cell_size_m``, ``northing_m``, ``easting_m`` (Int64; the south-west corner), shape (n, 4);
        all null where the text is not a cell id.
    """
    names = ("epsg", "cell_size_m", "northing_m", "easting_m")
    groups = cell_id.to_frame("cell_id").select(pl.col("cell_id").str.extract_groups(CELL_ID_PATTERN).alias("g"))
    return groups.select(
        pl.col("g").struct.field(str(number)).cast(pl.Int64).alias(name) for number, name in enumerate(names, 1)
    )


def cells_in(
    boundary: str | BaseGeometry,
    epsg: int,
    cell_size_m: int,
    districts: Mapping[str, str | BaseGeometry] | None = None,
) -> pl.DataFrame:
    """List the cells of a city: those whose centre lies within its boundary.

    Args:
        boundary: the city in WGS 84, longitude first; well-known text or a shapely geometry.
        epsg: reference system of the grid, in metres.
        cell_size_m: side of a cell, metres.
        districts: district code to its area in WGS 84; a cell belongs to the district that contains its centre, to
            the first listed where districts overlap.

    Returns:
        One row per cell, ordered by northing, then easting: ``source_record_id`` (= ``cell_id``), ``cell_id``,
        ``district_code`` (null outside every district), ``longitude_deg``, ``latitude_deg``, ``easting_m``,
        ``northing_m`` (all four of the centre), ``cell_size_m``, ``epsg``.
    """
    area = _geometry(boundary)
    west, south, east, north = _transformer(WGS84, epsg).transform_bounds(*area.bounds, densify_pts=101)
    eastings = _centres(west, east, cell_size_m)
    northings = _centres(south, north, cell_size_m)
    y, x = (axis.ravel() for axis in np.meshgrid(northings, eastings, indexing="ij"))
    longitude, latitude = reproject(x, y, epsg, WGS84)
    shapely.prepare(area)
    inside = shapely.contains_xy(area, longitude, latitude)
    x, y, longitude, latitude = x[inside], y[inside], longitude[inside], latitude[inside]

    names = cell_ids(x, y, epsg, cell_size_m)
    return pl.DataFrame(
        {
            "source_record_id": names,
            "cell_id": names,
            "district_code": _districts_at(longitude, latitude, districts or {}),
            # rounded to about a centimetre: PROJ's last digits differ between versions, which must not change a cell
            "longitude_deg": longitude.round(7),
            "latitude_deg": latitude.round(7),
            "easting_m": x,
            "northing_m": y,
        }
    ).with_columns(
        cell_size_m=pl.lit(cell_size_m, pl.Int32),
        epsg=pl.lit(epsg, pl.Int32),
    )


def _centres(low: float, high: float, cell_size_m: int) -> Floats:
    corners = np.arange(np.floor(low / cell_size_m), np.ceil(high / cell_size_m), dtype=np.float64) * cell_size_m
    return corners + cell_size_m / 2


def _geometry(area: str | BaseGeometry) -> BaseGeometry:
    return shapely.from_wkt(area) if isinstance(area, str) else area


def _districts_at(longitude: Floats, latitude: Floats, districts: Mapping[str, str | BaseGeometry]) -> pl.Series:
    areas = shapely.STRtree([_geometry(area) for area in districts.values()])
    point, area = areas.query(shapely.points(longitude, latitude), predicate="intersects")
    first = np.full(len(longitude), len(districts))
    np.minimum.at(first, point, area)
    return pl.Series([*districts, None], dtype=pl.String).gather(first)
