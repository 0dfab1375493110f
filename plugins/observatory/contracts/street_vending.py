"""Street vending: number of sellers seen, by place and kind of goods."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS


class StreetVending(Record):
    """One sighting of street vending: a count of sellers, without any data about them."""

    observed_count: pl.Int32 = pa.Field(in_range={"min_value": 0, "max_value": 500})
    goods_class: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["street_vending"],
    StreetVending,
    refused={
        "vendor": "sellers are counted, persons are not recorded",
        "nationality": "sellers are counted, persons are not recorded",
    },
)
