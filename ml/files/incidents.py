"""Incidents from a Parquet file: which rows may train a forecast, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ml.errors import InputError
from ml.files.places import existing

COLUMNS = ("occurred_local", "longitude_deg", "latitude_deg", "category_code")
DISCOVERED = "discovered"


@dataclass(frozen=True, eq=False)
class Incidents:
    """Rows that may train a forecast.

    Attributes:
        rows: ``occurred_date, longitude_deg, latitude_deg, category_code``; coordinates are null where unknown.
        without_time: rows left out because no day is known.
        without_category: rows left out because no category is known.
    """

    rows: pl.DataFrame
    without_time: int
    without_category: int


def read_incidents(path: Path) -> Incidents:
    """Read the incidents of a city.

    Args:
        path: Parquet with ``occurred_local`` (the city's clock), ``longitude_deg``, ``latitude_deg``,
            ``category_code`` and optionally ``detection_mode``; discovered rows never train.

    Raises:
        InputError: no such file, a column that is missing or of the wrong type, or no row left.
    """
    try:
        frame = pl.read_parquet(existing(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            str(path),
            found=str(error).splitlines()[0],
            expected="a Parquet file",
            action="Write the incidents as Parquet.",
        ) from error
    _check_columns(path, frame)
    found = frame.height
    if "detection_mode" in frame.columns:
        frame = frame.filter(pl.col("detection_mode").cast(pl.String).ne_missing(DISCOVERED))
    if frame.is_empty():
        raise InputError(
            str(path),
            found=f"{found} rows, none of which may train" if found else "no row",
            expected="incidents that were reported",
            action="Export the incidents again; rows whose detection_mode is 'discovered' never train.",
        )
    rows = frame.select(
        pl.col("occurred_local").cast(pl.Date).alias("occurred_date"),
        pl.col("longitude_deg", "latitude_deg").cast(pl.Float64).fill_nan(None),
        pl.col("category_code").cast(pl.String),
    )
    timed = rows.drop_nulls("occurred_date")
    if timed.is_empty():
        raise InputError(
            str(path),
            found=f"{rows.height} rows, none with a value in occurred_local",
            expected="the city's local date, or date and time, of each incident",
            action="Parse occurred_local before writing the file.",
        )
    named = timed.drop_nulls("category_code")
    return Incidents(named, rows.height - timed.height, timed.height - named.height)


def _check_columns(path: Path, frame: pl.DataFrame) -> None:
    missing = [name for name in COLUMNS if name not in frame.columns]
    times = frame.schema.get("occurred_local")
    expected = f"columns {list(COLUMNS)}, occurred_local as a date or a local date and time"
    if missing:
        raise InputError(
            str(path), found=f"columns {frame.columns}", expected=expected, action=f"Add or rename {missing}."
        )
    if isinstance(times, pl.Datetime) and times.time_zone is not None:
        raise InputError(
            str(path),
            found=f"occurred_local on the clock of {times.time_zone}",
            expected="the city's own clock, without a time zone",
            action="Convert to the city's time zone, then drop the zone, before writing the file.",
        )
    if not (isinstance(times, pl.Datetime) or times == pl.Date):
        raise InputError(
            str(path),
            found=f"occurred_local of type {times}",
            expected=expected,
            action="Parse occurred_local before writing the file.",
        )
    for name in ("longitude_deg", "latitude_deg"):
        if not (frame.schema[name].is_numeric() or frame.schema[name] == pl.Null):
            raise InputError(
                str(path),
                found=f"{name} of type {frame.schema[name]}",
                expected="degrees as numbers",
                action=f"Write {name} as a number.",
            )
