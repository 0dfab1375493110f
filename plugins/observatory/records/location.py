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

_NUMBER = r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
_PLAIN_PAIR = rf"^\s*{_NUMBER}(?:\s*[,;]\s*|\s+){_NUMBER}\s*$"
_BRACKETED_PAIR = rf"^[^{{]*\(\s*{_NUMBER}(?:\s*[,;]\s*|\s+){_NUMBER}\s*\)\s*$"
_COMMA_PAIR = r"^\s*\(?\s*([+-]?\d+,\d+)(?:\s*;\s*|\s+)([+-]?\d+,\d+)\s*\)?\s*$"
_SHAPES = "(?:MULTI)?(?:POINT|LINESTRING|POLYGON)"
_WKT = rf"(?i)^\s*(?:SRID=\d+;)?\s*{_SHAPES}\s*(?:Z|M|ZM)?\s*\([\s(]*{_NUMBER}\s+{_NUMBER}[^A-Z]*\)\s*$"
_GEOJSON = rf'"coordinates"\s*:\s*\[[\s\[]*{_NUMBER}\s*,\s*{_NUMBER}'
_POSITION = rf"^\s*\[\s*{_NUMBER}\s*,\s*{_NUMBER}\s*(?:,[^\]]*)?\]\s*$"
_NORTH_EAST = rf"(?i)^\s*{_NUMBER}\s*°?\s*([NS])[\s,;]+{_NUMBER}\s*°?\s*([EWO])\s*$"
_JSON_EAST = rf'"(?:lon|lng|long|longitude)"\s*:\s*"?{_NUMBER}'
_JSON_NORTH = rf'"(?:lat|latitude)"\s*:\s*"?{_NUMBER}'
_JSON_POSITION = r'"(?:coordinates|lon|lng|long|longitude|lat|latitude)"\s*:\s*(?:"\s*[^"\s]|\[\s*[^\]\s]|[^"\[\sn])'
_EMPTY_POINT = r"(?i)^\s*(?:SRID=\d+;)?\s*POINT\s*(?:Z|M|ZM)?\s*EMPTY\s*$"
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


def without_empty_points(written: pl.Expr) -> pl.Expr:
    """Replace by null what states that there is no point: ``POINT EMPTY``, or a JSON object without coordinates."""
    is_object = written.str.contains(r"^\s*\{")
    is_empty = written.str.contains(_EMPTY_POINT) | (is_object & ~written.str.contains(_JSON_POSITION))
    return pl.when(~is_empty).then(written)


def split_point(written: pl.Expr, coordinates: Coordinates) -> tuple[pl.Expr, pl.Expr]:
    """Parse a text with both coordinates; returns them east first.

    Args:
        written: ``43.3, 5.4``, also in brackets behind an address, with decimal commas (``43,3 5,4``) or hemispheres
            (``43.3° N, 5.4° E``); GeoJSON, one of its positions or well-known text, of which the first point counts;
            an object with a longitude and a latitude. Both are null for any other text.
        coordinates: states which coordinate comes first in texts of the form ``43.3, 5.4``.
    """
    objects = [_pair(written, pattern) for pattern in (_GEOJSON, _POSITION, _WKT)]
    plain = [_pair(written, pattern) for pattern in (_PLAIN_PAIR, _BRACKETED_PAIR, _COMMA_PAIR)]
    if coordinates.point_order == "lat,lon":
        plain = [(second, first) for first, second in plain]
    named = (written.str.extract(_JSON_EAST), written.str.extract(_JSON_NORTH))
    east, north = (pl.coalesce(axis) for axis in zip(named, *objects, *plain, _hemispheres(written), strict=True))
    return _decimal(east), _decimal(north)


def _decimal(written: pl.Expr) -> pl.Expr:
    return written.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)


def _hemispheres(written: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    groups = written.str.extract_groups(_NORTH_EAST).struct
    signs = [
        pl.when(groups.field(side).str.contains("(?i)[SWO]")).then(pl.lit("-")).otherwise(pl.lit("")) for side in "24"
    ]
    return signs[1] + groups.field("3"), signs[0] + groups.field("1")


def _pair(written: pl.Expr, pattern: str) -> tuple[pl.Expr, pl.Expr]:
    groups = written.str.extract_groups(pattern).struct
    return groups.field("1"), groups.field("2")


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
