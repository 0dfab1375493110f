"""Targeted operations in an area and a period, declared before they start so that their effect can be assessed."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Moment, Record
from observatory.kinds import KINDS


class Operation(Record):
    """One operation in an area and a period; ``reported_at`` is when it was declared."""

    operation_type: str
    reported_at: Moment
    target_category_code: str = pa.Field(nullable=True)
    geometry_wkt: str = pa.Field(nullable=True)

    @pa.check("reported_at", error="declared before it starts")
    def _is_declared_before(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("reported_at") <= pl.col("occurred_from"))


CONTRACT = Contract(
    KINDS["operation"],
    Operation,
    refused={
        "target_name": "an operation is in an area, never against somebody",
        "officer": "participants are not recorded",
    },
)
