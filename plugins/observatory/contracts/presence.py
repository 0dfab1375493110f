"""Patrol presence: minutes planned for and spent in a cell during a shift."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.grid import CELL_ID_PATTERN
from observatory.kinds import KINDS


class Presence(Record):
    """One cell and shift; actual minutes are null until they are known, 0 without a patrol."""

    cell_id: str
    shift_code: str
    planned_min: float = pa.Field(nullable=True, ge=0)
    actual_min: float = pa.Field(nullable=True, ge=0)

    @pa.check("cell_id", error="the id of a cell")
    def _is_a_cell(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("cell_id").str.contains(CELL_ID_PATTERN))


CONTRACT = Contract(
    KINDS["presence"],
    Presence,
    natural_key=("cell_id", "occurred_from", "shift_code"),
    any_of=("planned_min", "actual_min"),
    refused={
        "officer": "patrols are counted, persons are not tracked",
        "patrol_id": "patrols are counted, persons are not tracked",
    },
)
