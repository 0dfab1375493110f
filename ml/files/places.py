"""The city from GeoJSON: its boundary as cells of a grid in metres, and its districts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import shapely
from pyproj import CRS, Geod
from pyproj.exceptions import CRSError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from ml.errors import InputError
from observatory.grid import cells_in

MOST_CELLS = 500_000
_SPHEROID = Geod(ellps="WGS84")


def check_metric(epsg: int) -> None:
    """Refuse a reference system whose unit is not the metre.

    Raises:
        InputError: it is geographic, in feet, or does not exist.
    """
    try:
        system = CRS.from_epsg(epsg)
        unit = system.axis_info[0].unit_name if system.axis_info else "unknown"
        found = f"EPSG:{epsg} ({system.name}), whose unit is the {unit}"
        is_metric = system.is_projected and unit == "metre"
    except CRSError:
        found, is_metric = f"EPSG:{epsg}, which does not exist", False
    if not is_metric:
        raise InputError(
            "--epsg",
            found=found,
            expected="a projected reference system in metres",
            action="Use the city's UTM zone, for example 26916 for Chicago or 32610 for Portland.",
        )


def read_cells(
    boundary: Path, epsg: int, cell_size_m: int, districts: Mapping[str, BaseGeometry] | None = None
) -> pl.DataFrame:
    """Cells whose centre lies in the boundary, as :func:`observatory.grid.cells_in` gives them.

    Args:
        boundary: GeoJSON polygons in WGS 84.
        epsg: reference system of the grid, in metres.
        cell_size_m: side of a cell, metres.
        districts: name of each district -> its area.

    Raises:
        InputError: no polygons, no cell, or more cells than can be forecast.
    """
    check_metric(epsg)
    area, square_metres = _area(boundary), boundary_m2(boundary)
    if square_metres / cell_size_m**2 > MOST_CELLS:
        raise InputError(
            "--cell-size-m",
            found=f"cells of {cell_size_m} m, of which {boundary.name} holds {square_metres / cell_size_m**2:,.0f}",
            expected=f"at most {MOST_CELLS:,} cells",
            action=f"Use cells of at least {int((square_metres / MOST_CELLS) ** 0.5) + 1} m.",
        )
    cells = cells_in(area, epsg, cell_size_m, districts)
    if cells.is_empty():
        raise InputError(
            str(boundary),
            found=f"an area that holds the centre of no cell of {cell_size_m} m",
            expected="a city boundary in degrees, longitude first",
            action="Check the boundary, --epsg and --cell-size-m.",
        )
    return cells


def boundary_m2(boundary: Path) -> float:
    """Area of the city on the spheroid, square metres.

    Args:
        boundary: GeoJSON polygons in WGS 84.
    """
    return abs(_SPHEROID.geometry_area_perimeter(_area(boundary))[0])


def read_districts(path: Path, key: str | None = None) -> dict[str, BaseGeometry]:
    """Name of each district -> its area.

    Args:
        path: GeoJSON polygons in WGS 84.
        key: property that names a district; None takes the first property that is a text.

    Raises:
        InputError: no polygons, or the property is not there.
    """
    found: dict[str, list[BaseGeometry]] = {}
    for properties, geometry in _features(path):
        texts = [name for name, value in properties.items() if isinstance(value, str)]
        named_by = key or (texts[0] if texts else None)
        if named_by is None or properties.get(named_by) is None:
            raise InputError(
                str(path),
                found=f"a district with properties {list(properties)}",
                expected=f"a property {key!r}" if key else "a property that is a text and names the district",
                action="Name the property with --district-key.",
            )
        found.setdefault(str(properties[named_by]), []).append(geometry)
    return {name: shapely.union_all(parts) for name, parts in sorted(found.items())}


def existing(path: Path) -> Path:
    """The path, if a file is there.

    Raises:
        InputError: none is.
    """
    if not path.is_file():
        raise InputError(
            str(path), found="no such file", expected="a file that can be read", action="Correct the path."
        )
    return path


def _area(boundary: Path) -> BaseGeometry:
    return shapely.union_all([geometry for _, geometry in _features(boundary)])


def _features(path: Path) -> list[tuple[dict[str, Any], BaseGeometry]]:
    try:
        content = json.loads(existing(path).read_text(encoding="utf-8"))
        features = content.get("features", [content])
        read = [(each.get("properties") or {}, shape(each.get("geometry", each))) for each in features]
        if not any(geometry.area for _, geometry in read):
            raise ValueError("no polygon")
    except (ValueError, AttributeError, KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise InputError(
            str(path),
            found=f"{type(error).__name__}: {error}",
            expected="GeoJSON polygons in WGS 84",
            action="Export the city's boundary or districts as GeoJSON.",
        ) from error
    return [(properties, shapely.make_valid(geometry)) for properties, geometry in read]
