"""Incidents: police logs, recorded offences and calls for service."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS

_LONGEST_WINDOW_DAYS = 60
_LATEST_ENTRY_DAYS = 7


class Incident(Record):
    """One incident as its source states it, in the units of the warehouse and in UTC."""

    record_type: str = pa.Field(isin=["police_log", "recorded_fact", "call_for_service"])
    source_category_code: str
    description: str = pa.Field(nullable=True)
    detection_mode: str = pa.Field(nullable=True, isin=["reported", "sensor", "discovered"])

    @pa.check("reported_at", error=f"within {_LATEST_ENTRY_DAYS} days of the start, in a police log")
    def _is_entered_in_time(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        delay = pl.col("reported_at") - pl.col("occurred_from")
        is_in_time = delay <= pl.duration(days=_LATEST_ENTRY_DAYS)
        return data.lazyframe.select(is_in_time | (pl.col("record_type") != "police_log"))

    @pa.check("occurred_to", error=f"within {_LONGEST_WINDOW_DAYS} days of its start")
    def _is_short(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        window = pl.col("occurred_to") - pl.col("occurred_from")
        is_short = window <= pl.duration(days=_LONGEST_WINDOW_DAYS)
        return data.lazyframe.select(is_short | (pl.col("occurred_precision") == "year"))


CONTRACT = Contract(
    KINDS["incident"],
    Incident,
    pseudonymous_key="convention",
    texts=("description",),
    refused={
        "victim": "victims are not recorded",
        "suspect": "suspects are not recorded",
        "caller": "callers are not recorded",
        "plate": "a vehicle identifies its owner",
        "officer": "officers are not recorded",
    },
)
