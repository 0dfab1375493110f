"""Citizen reports: residents' requests to repair, clean or settle something."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Moment, Record
from observatory.kinds import KINDS


class CitizenReport(Record):
    """One request, from its filing to its closing."""

    service_code: str
    status: str = pa.Field(isin=["open", "closed"])
    updated_at: Moment = pa.Field(nullable=True)
    closed_at: Moment = pa.Field(nullable=True)
    description: str = pa.Field(nullable=True)

    @pa.check("updated_at", error="not before the request")
    def _is_updated_later(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("updated_at") >= pl.col("occurred_from"))

    @pa.check("closed_at", error="not before the request")
    def _is_closed_later(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("closed_at") >= pl.col("occurred_from"))


CONTRACT = Contract(
    KINDS["citizen_report"],
    CitizenReport,
    texts=("description",),
    refused={
        "reporter": "reporters are not recorded",
        "phone": "reporters are not recorded",
        "mail": "reporters are not recorded",
        "media_url": "images are not recorded",
        "address": "a house number identifies residents; the point is sufficient",
    },
)
