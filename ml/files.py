"""Incidents and a boundary from files, for a backtest without a warehouse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import shapely
import yaml
from pyproj import CRS
from pyproj.exceptions import CRSError
from shapely.geometry import shape

from ml.errors import InputError
from ml.panel import Cells, Panel, span
from observatory.grid import cell_ids, cells_in, project

COLUMNS = ("occurred_local", "longitude_deg", "latitude_deg", "category_code")
DISCOVERED = "discovered"
ALL = "all"


@dataclass(frozen=True, eq=False)
class FileCity:
    """A city read from files.

    Attributes:
        cells: one row per cell, as :func:`observatory.grid.cells_in` gives them.
        panel: incidents of the category, the others beside it.
    """

    cells: pl.DataFrame
    panel: Panel


def read_city(
    incidents: Path,
    boundary: Path,
    *,
    epsg: int,
    cell_size_m: int,
    category: str,
    groups: Mapping[str, Sequence[str]],
) -> FileCity:
    """Read and count the incidents of a city.

    Args:
        incidents: Parquet with ``occurred_local`` (the city's clock), ``longitude_deg``, ``latitude_deg``,
            ``category_code`` and optionally ``detection_mode``; discovered rows never train.
        boundary: GeoJSON in WGS 84.
        epsg: reference system of the grid, in metres.
        cell_size_m: side of a cell, metres.
        category: a category code, a name of ``groups``, or ``all``.
        groups: group name -> its category codes.

    Raises:
        InputError: a file, column, category or reference system that cannot be used.
    """
    check_metric(epsg)
    cells = _read_cells(boundary, epsg, cell_size_m)
    found = _read_incidents(incidents)
    codes = _codes(found, category, groups, incidents)
    days = span(found["occurred_date"])
    easting, northing = project(found["longitude_deg"].to_numpy(), found["latitude_deg"].to_numpy(), epsg)
    located = found.with_columns(cell_id=cell_ids(easting, northing, epsg, cell_size_m))
    inside = located.filter(pl.col("cell_id").is_in(cells["cell_id"].implode()))
    if days is None or inside.is_empty():
        raise InputError(
            str(incidents),
            came=f"{found.height} incidents that may train, none of them inside {boundary.name}",
            expected="incidents inside the boundary, longitude and latitude in degrees",
            todo="Check that both files are of the same city and that the two coordinates are not exchanged.",
        )
    counts = inside.group_by("cell_id", "occurred_date", "category_code").agg(incident_count=pl.len())
    is_target = pl.col("category_code").is_in(codes)
    end_day = days[1] + timedelta(days=1)
    return FileCity(cells, Panel.from_counts(Cells.from_frame(cells), counts, is_target, days[0], end_day))


def read_groups(path: Path | None) -> dict[str, list[str]]:
    """Category groups from YAML: group name -> list of category codes; none where there is no file.

    Raises:
        InputError: the file is no such mapping.
    """
    if path is None:
        return {}
    try:
        groups = yaml.safe_load(_existing(path).read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        groups = str(error)
    is_mapping = isinstance(groups, dict) and all(isinstance(codes, list) for codes in groups.values())
    if not is_mapping:
        raise InputError(
            str(path),
            came=f"{str(groups)[:100]!r}",
            expected="a mapping of group names to lists of category codes",
            todo="Write it as `violent: [ASSAULT, BATTERY]`, one group a line.",
        )
    return {str(name): [str(code) for code in codes] for name, codes in groups.items()}


def check_days(panel: Panel, first_day: date, last_day: date, horizon_days: int, where: str) -> None:
    """Refuse days that the data cannot forecast and score.

    Raises:
        InputError: they are out of order, before the data allow or after it.
    """
    earliest = panel.first_day + timedelta(days=horizon_days)
    if not earliest <= first_day <= last_day < panel.end_day:
        raise InputError(
            where,
            came=f"days {first_day}..{last_day}",
            expected=f"days in order within {earliest}..{panel.end_day - timedelta(days=1)}, as the incidents allow",
            todo="Correct --from and --to.",
        )


def check_metric(epsg: int) -> None:
    """Refuse a reference system whose unit is not the metre.

    Raises:
        InputError: it is geographic, in feet, or does not exist.
    """
    try:
        system = CRS.from_epsg(epsg)
        unit = system.axis_info[0].unit_name if system.axis_info else "unknown"
        came = f"EPSG:{epsg} ({system.name}), whose unit is the {unit}"
        is_metric = system.is_projected and unit == "metre"
    except CRSError:
        came, is_metric = f"EPSG:{epsg}, which does not exist", False
    if not is_metric:
        raise InputError(
            "--epsg",
            came=came,
            expected="a projected reference system in metres",
            todo="Use the city's UTM zone, for example 26916 for Chicago or 32610 for Portland.",
        )


def _read_cells(boundary: Path, epsg: int, cell_size_m: int) -> pl.DataFrame:
    try:
        content = json.loads(_existing(boundary).read_text(encoding="utf-8"))
        features = content.get("features", [content])
        area = shapely.union_all([shape(feature.get("geometry", feature)) for feature in features])
    except (ValueError, AttributeError, KeyError, TypeError, shapely.errors.ShapelyError) as error:
        raise InputError(
            str(boundary),
            came=f"{type(error).__name__}: {error}",
            expected="GeoJSON polygons in WGS 84",
            todo="Export the city's boundary as GeoJSON.",
        ) from error
    cells = cells_in(area, epsg, cell_size_m)
    if cells.is_empty():
        raise InputError(
            str(boundary),
            came=f"an area that holds the centre of no cell of {cell_size_m} m",
            expected="a city boundary in degrees, longitude first",
            todo="Check the boundary, --epsg and --cell-size-m.",
        )
    return cells


def _read_incidents(path: Path) -> pl.DataFrame:
    """Rows that may train, with their local day."""
    try:
        frame = pl.read_parquet(_existing(path))
    except pl.exceptions.PolarsError as error:
        raise InputError(
            str(path),
            came=str(error).splitlines()[0],
            expected="a Parquet file",
            todo="Write the incidents as Parquet.",
        ) from error
    missing = [name for name in COLUMNS if name not in frame.columns]
    times = frame.schema.get("occurred_local")
    if missing or not (isinstance(times, pl.Datetime) or times == pl.Date):
        raise InputError(
            str(path),
            came=f"columns {frame.columns}" if missing else f"occurred_local of type {times}",
            expected=f"columns {list(COLUMNS)}, occurred_local as a date or a local date and time",
            todo=f"Add or rename {missing}." if missing else "Parse occurred_local before writing the file.",
        )
    if "detection_mode" in frame.columns:
        frame = frame.filter(pl.col("detection_mode").cast(pl.String).ne_missing(DISCOVERED))
    return frame.select(
        pl.col("occurred_local").cast(pl.Date).alias("occurred_date"),
        pl.col("longitude_deg", "latitude_deg").cast(pl.Float64),
        pl.col("category_code").cast(pl.String),
    ).drop_nulls()


def _codes(found: pl.DataFrame, category: str, groups: Mapping[str, Sequence[str]], path: Path) -> list[str]:
    known = found["category_code"].unique().sort().to_list()
    if category == ALL:
        return known
    codes = [code for code in groups.get(category, [category]) if code in known]
    if not codes:
        raise InputError(
            "--category",
            came=f"{category!r}, of which {path.name} has no row",
            expected=f"'{ALL}', a group ({', '.join(groups) or 'none given'}) or a code ({', '.join(known[:12])}, …)",
            todo="Correct --category, or name the group in --groups.",
        )
    return codes


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise InputError(str(path), came="no such file", expected="a file that can be read", todo="Correct the path.")
    return path
