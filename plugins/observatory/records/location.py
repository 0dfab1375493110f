"""Locate records: from a source's coordinates to degrees, a cell, a method and a precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import shapely

from observatory import grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from observatory.contracts.base import Contract
    from observatory.territory.city import Territory
    from observatory.territory.feed import Coordinates, FeedSettings

GEOMETRY = "geometry_wkt"
"""Contract column of an area or a line, as well-known text in WGS 84."""

_PAIR = r"(-?\d+(?:\.\d+)?)[\s,;]+(-?\d+(?:\.\d+)?)"
_DECIMALS = 7
"""Decimals of a degree that are kept, about a centimetre; further digits differ between versions of PROJ."""


def locate(contract: Contract, values: pl.DataFrame, territory: Territory, feed: FeedSettings) -> pl.DataFrame:
    """Add the location of each row in degrees, and its cell; null where the source states none.

    Args:
        contract: the contract, which may require rounded locations.
        values: the rows; the location is in ``longitude_deg`` and ``latitude_deg``, in ``easting`` and ``northing``,
            or is a point of ``geometry_wkt``.
        territory: the city, whose grid defines the cells.
        feed: the feed's settings of coordinates.

    Returns:
        The same rows with ``longitude_deg``, ``latitude_deg``, ``cell_id``, ``location_method`` and
        ``location_precision_m``. Transformed coordinates are rounded to a centimetre.
    """
    if "easting" in values.columns:
        values = values.with_columns(_degrees(values["easting"], values["northing"], feed.coordinates.epsg))
    elif "longitude_deg" not in values.columns and GEOMETRY in values.columns:
        values = values.with_columns(_middles(values[GEOMETRY]))
    elif "longitude_deg" not in values.columns:
        nowhere = pl.lit(None, pl.Float64)
        values = values.with_columns(longitude_deg=nowhere, latitude_deg=nowhere)
    declared = {
        "location_method": pl.lit(feed.coordinates.method),
        "location_precision_m": pl.lit(feed.coordinates.precision_m, pl.Float64),
    }
    values = values.with_columns(
        pl.coalesce(*([name] if name in values.columns else []), value).alias(name) for name, value in declared.items()
    )
    # method "none": the source's point stands for a whole town and is no location
    is_known = pl.col("location_method") != "none"
    values = values.with_columns(pl.when(is_known).then(name).alias(name) for name in ("longitude_deg", "latitude_deg"))
    has_place = pl.col("longitude_deg").is_not_null() & pl.col("latitude_deg").is_not_null()
    epsg = territory.grid.epsg
    easting, northing = grid.project(values["longitude_deg"], values["latitude_deg"], epsg)
    if side := contract.rounded_to_m:
        easting, northing = ((np.floor(axis / side) + 0.5) * side for axis in (easting, northing))
        # a point that the city's reference system cannot express stays as it is, and is rejected by the bounds
        moved = _lon_lat(grid.reproject(easting, northing, epsg, grid.WGS84))
        values = values.with_columns(
            *(pl.coalesce(axis, pl.col(axis.name)).alias(axis.name) for axis in moved),
            location_precision_m=pl.max_horizontal("location_precision_m", pl.lit(float(side))),
        )
    cells = grid.cell_ids(easting, northing, epsg, territory.grid.cell_size_m)
    delivered = values["cell_id"] if "cell_id" in values.columns else pl.Series([None], dtype=pl.String)
    return values.with_columns(
        cell_id=pl.coalesce(cells, delivered),
        location_method=pl.when(has_place).then("location_method").otherwise(pl.lit("none")),
        location_precision_m=pl.when(has_place).then("location_precision_m"),
    )


def split_point(written: pl.Expr, coordinates: Coordinates) -> tuple[pl.Expr, pl.Expr]:
    """Parse a text with both coordinates; returns them east first.

    Args:
        written: ``43.3, 5.4``, a point as GeoJSON or well-known text, or an object with a longitude and a latitude.
        coordinates: states which coordinate comes first in texts of the form ``43.3, 5.4``.
    """
    pair = written.str.extract_groups(_PAIR)
    first, second = pair.struct.field("1"), pair.struct.field("2")
    if coordinates.point_order == "lat,lon":
        says_order = written.str.contains(r"^\s*[A-Za-z]|\"coordinates\"")
        first, second = (
            pl.when(says_order).then(first).otherwise(second),
            pl.when(says_order).then(second).otherwise(first),
        )
    east = pl.coalesce(written.str.extract(r'"lon[a-z]*"\s*:\s*"?(-?[\d.]+)'), first)
    north = pl.coalesce(written.str.extract(r'"lat[a-z]*"\s*:\s*"?(-?[\d.]+)'), second)
    return east.cast(pl.Float64, strict=False), north.cast(pl.Float64, strict=False)


def geometries(written: pl.Series, epsg: int) -> pl.Series:
    """Convert areas and lines to well-known text in WGS 84; null where a text cannot be read.

    Args:
        written: GeoJSON or well-known text, shape (n,).
        epsg: their reference system.

    Returns:
        Text with seven decimals; self-intersecting polygons are repaired.
    """
    is_json = written.str.contains(r"^\s*\{").fill_null(value=False).to_numpy()
    texts = written.to_numpy()
    shapes = np.full(len(texts), None, dtype=object)
    # coordinates that overflow a float are rejected later by the bounds
    with np.errstate(over="ignore", invalid="ignore"):
        shapes[is_json] = shapely.from_geojson(texts[is_json], on_invalid="ignore")
        shapes[~is_json] = shapely.from_wkt(texts[~is_json], on_invalid="ignore")
        shapes = shapely.make_valid(shapes)
        if epsg != grid.WGS84:
            shapes = shapely.transform(shapes, lambda xy: _reprojected(xy, epsg))
    return pl.Series([*shapely.to_wkt(shapes, rounding_precision=_DECIMALS)], dtype=pl.String)


def _degrees(easting: pl.Series, northing: pl.Series, epsg: int) -> list[pl.Expr]:
    points = grid.reproject(easting, northing, epsg, grid.WGS84)
    is_known = pl.col("easting").is_not_null() & pl.col("northing").is_not_null()
    # a point that cannot be transformed stays NaN, which the bounds reject
    return [
        pl.when(is_known).then(pl.Series(points.east.round(_DECIMALS))).alias("longitude_deg"),
        pl.when(is_known).then(pl.Series(points.north.round(_DECIMALS))).alias("latitude_deg"),
    ]


def _middles(geometry: pl.Series) -> list[pl.Series]:
    """A representative point of each shape: halfway along a line, inside an area."""
    shapes = shapely.from_wkt(geometry.to_numpy())
    shapes[shapely.is_empty(shapes)] = None
    is_line = shapely.get_dimensions(shapes) == 1
    points = np.where(is_line, shapely.line_interpolate_point(np.where(is_line, shapes, None), 0.5, normalized=True),
                      shapely.point_on_surface(shapes))  # fmt: skip
    return _lon_lat(grid.Points(shapely.get_x(points), shapely.get_y(points)))


def _lon_lat(points: grid.Points) -> list[pl.Series]:
    axes = {"longitude_deg": points.east, "latitude_deg": points.north}
    return [pl.Series(name, axis.round(_DECIMALS), nan_to_null=True) for name, axis in axes.items()]


def _reprojected(xy: NDArray[np.float64], epsg: int) -> NDArray[np.float64]:
    return np.column_stack(grid.reproject(xy[:, 0], xy[:, 1], epsg, grid.WGS84))
