"""Cells of the city's grid, derived from its boundary and districts (``grid.cells_in``)."""

from __future__ import annotations

from datetime import datetime

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import UTC_TIME, Contract, Standing
from observatory.grid import CELL_ID_PATTERN
from observatory.kinds import KINDS


class Cell(Standing):
    """One cell of the grid whose centre lies in the city."""

    cell_id: str = pa.Field(str_matches=CELL_ID_PATTERN)
    longitude_deg: float
    latitude_deg: float
    easting_m: float
    northing_m: float
    cell_size_m: pl.Int32 = pa.Field(gt=0)
    epsg: pl.Int32 = pa.Field(gt=0)


def cell_records(cells: pl.DataFrame, known_at: datetime, cell_size_m: int) -> pl.DataFrame:
    """Convert cells to records.

    Args:
        cells: the result of ``grid.cells_in``, shape (n, 9).
        known_at: when the zones that they are derived from could be known.
        cell_size_m: side of a cell, metres.
    """
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in CONTRACT.schema.items() if name not in cells.columns]
    return (
        cells.with_columns(
            absent,
        )
        .with_columns(
            known_at=pl.lit(known_at).cast(UTC_TIME),
            occurred_precision=pl.lit("day"),
            location_method=pl.lit("zone"),
            location_precision_m=pl.lit(cell_size_m / 2),
        )
        .select(CONTRACT.columns)
    )


CONTRACT = Contract(
    KINDS["cell"],
    Cell,
    natural_key=("cell_id",),
)
