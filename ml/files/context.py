"""Contexts from a Parquet file: days, places, or both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from ml.errors import InputError
from ml.files.places import existing
from ml.panel.context import Context
from ml.panel.panel import Cells, span
from observatory.grid import cell_ids, project

COLUMNS = ("name", "unit", "source", "value", "date", "longitude_deg", "latitude_deg")


def read_context(path: Path, cells: Cells, epsg: int) -> tuple[Context, ...]:
    """Read every context of a file, ordered by name.

    A name whose rows have a date and no place is of the day (its mean); with a place and no date, of the cells (its
    sum); with both, of the cells and days (its sum), 0 where nothing is listed between its first and last day.

    Args:
        path: Parquet with ``name, unit, source, value, date, longitude_deg, latitude_deg``; date or place may be null.
        cells: the city's.
        epsg: reference system of the grid.

    Raises:
        InputError: other columns, or rows of one name that differ in unit, source, or in having a date and a place.
    """
    try:
        frame = pl.read_parquet(existing(path))
        rows = frame.select(
            pl.col("name", "unit", "source").cast(pl.String),
            pl.col("value", "longitude_deg", "latitude_deg").cast(pl.Float64),
            pl.col("date").cast(pl.Date),
        )
    except pl.exceptions.PolarsError as error:
        raise _unusable(path, str(error).splitlines()[0]) from error
    return tuple(
        _context(path, str(name), part, cells, epsg)
        for (name,), part in sorted(rows.partition_by("name", as_dict=True).items())
    )


def _context(path: Path, name: str, rows: pl.DataFrame, cells: Cells, epsg: int) -> Context:
    has_place = rows["longitude_deg"].is_not_null() & rows["latitude_deg"].is_not_null()
    has_date = rows["date"].is_not_null()
    kinds = {(place, day) for place, day in zip(has_place, has_date, strict=True)}
    described = rows.select("unit", "source").unique()
    if len(kinds) != 1 or kinds == {(False, False)} or described.height != 1:
        raise _unusable(path, f"rows of {name!r} that differ in unit, source, or in having a date and a place")
    unit, source = described.row(0)
    first, last = span(rows["date"]) or (None, None)
    row = (rows["date"] - first).dt.total_days().to_numpy() if first else np.zeros(rows.height, dtype=np.int64)
    days = (last - first).days + 1 if first and last else 1
    value = rows["value"].to_numpy()
    if not has_place.all():
        found = np.bincount(row, minlength=days)
        mean = np.bincount(row, value, days) / np.where(found > 0, found, np.nan)
        return Context(name, unit, source, first, mean[:, None])
    easting, northing = project(rows["longitude_deg"].to_numpy(), rows["latitude_deg"].to_numpy(), epsg)
    cell = cells.index(cell_ids(easting, northing, epsg, cells.size_m))
    values = np.zeros((days, len(cells)), dtype=np.float32)
    inside = cell >= 0
    np.add.at(values, (row[inside], cell[inside]), value[inside])
    return Context(name, unit, source, first, values)


def _unusable(path: Path, found: str) -> InputError:
    return InputError(
        str(path),
        found=found,
        expected=f"columns {list(COLUMNS)}; each name with one unit and source, and with a date, a place or both",
        action="Write one row a day, a place, or a day and place, with null for the other.",
    )
