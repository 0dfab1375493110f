"""Planned events of the city."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS

_LONGEST_DAYS = 365


class CityEvent(Record):
    """One date of one event."""

    title: str
    category_code: str = pa.Field(nullable=True)
    place_name: str = pa.Field(nullable=True)
    expected_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    is_cancelled: bool = pa.Field(nullable=True)

    @pa.check("occurred_to", error="after its beginning")
    def _lasts(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("occurred_to") > pl.col("occurred_from"))

    @pa.check("occurred_to", error=f"within {_LONGEST_DAYS} days of its beginning")
    def _ends(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        lasting = pl.col("occurred_to") - pl.col("occurred_from")
        return data.lazyframe.select(lasting <= pl.duration(days=_LONGEST_DAYS))


CONTRACT = Contract(
    KINDS["city_event"],
    CityEvent,
    refused={
        "contact": "contact details are not recorded",
        "phone": "contact details are not recorded",
        "mail": "contact details are not recorded",
    },
)
