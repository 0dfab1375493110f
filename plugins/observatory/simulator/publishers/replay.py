"""Recorded rows of a folder, served as Chicago's portal serves them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from observatory.errors import StackError
from observatory.simulator.servers.socrata import Dataset

INCIDENTS_ID = "ijzp-q8t2"
BOUNDARY_ID = "qqq8-j68g"

# The portal sends an empty postal address with every point.
_NO_ADDRESS = '{"address": "", "city": "", "state": "", "zip": ""}'
_LOCATION = pl.when(pl.col("latitude").is_not_null()).then(
    pl.struct(
        latitude=pl.col("latitude").cast(pl.String),
        longitude=pl.col("longitude").cast(pl.String),
        human_address=pl.lit(_NO_ADDRESS),
    )
)


def datasets(folder: Path) -> dict[str, Dataset]:
    """The incidents of ``folder/incidents_*.parquet`` under the column names of Chicago's portal.

    ``updated_on``, which the files lack, is a moment in the night after the incident, the same in every run.

    Args:
        folder: files with columns source_id, occurred_at (local clock), category, description, location_type,
            arrest, domestic, beat, district, lat, lon.

    Raises:
        StackError: the folder holds no such files.
    """
    pattern = folder / "incidents_*.parquet"
    try:
        frame = pl.scan_parquet(pattern).select(_as_published()).collect()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StackError(
            f"replay of {folder}",
            found=str(error).splitlines()[0],
            expected="files incidents_*.parquet laid out as the replay's README says",
            action="Give --replay the folder that holds them.",
        ) from error
    return {INCIDENTS_ID: Dataset(frame, order=("date", "id"), computed={"location": _LOCATION}, name="incidents")}


def boundary(folder: Path) -> dict[str, bytes]:
    """``folder/boundary.geojson``, unchanged; empty if the folder has none."""
    path = folder / "boundary.geojson"
    return {BOUNDARY_ID: path.read_bytes()} if path.is_file() else {}


def _as_published() -> list[pl.Expr]:
    number = pl.col("source_id").cast(pl.Int64)
    return [
        number.alias("id"),
        pl.col("occurred_at").alias("date"),
        pl.col("category").alias("primary_type"),
        _text("description"),
        _text("location_type").alias("location_description"),
        pl.col("arrest").cast(pl.String) == "true",
        pl.col("domestic").cast(pl.String) == "true",
        _text("beat"),
        _text("district"),
        pl.col("occurred_at").dt.year().alias("year"),
        _published_at(number).alias("updated_on"),
        pl.col("lat").alias("latitude"),
        pl.col("lon").alias("longitude"),
    ]


def _text(column: str) -> pl.Expr:
    """Convert empty texts, which the files use for missing values, to no value, as the portal does."""
    return pl.when(pl.col(column) != "").then(pl.col(column))


def _published_at(number: pl.Expr) -> pl.Expr:
    """A second of the next day's small hours: 00:10 to 01:50 or 03:00 to 03:50.

    The hour from two to three is left out: once a year it does not exist on a local clock.
    """
    second = number * 2_654_435_761 % 9_000
    second = pl.when(second < 6_000).then(second + 600).otherwise(second + 4_800)
    return pl.col("occurred_at").dt.truncate("1d") + pl.duration(days=1, seconds=second)
