"""Street vending: how many sellers were seen where, and of what kind of goods."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS


class StreetVending(Record):
    """One sighting of a market in the street: a count, never a seller."""

    observed_count: pl.Int32 = pa.Field(in_range={"min_value": 0, "max_value": 500})
    goods_class: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["street_vending"],
    StreetVending,
    refused={
        "vendor": "sellers are counted, nobody is recorded",
        "nationality": "sellers are counted, nobody is recorded",
    },
)
