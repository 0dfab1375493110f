"""Impounded vehicles: place, time and reason of the tow."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS


class Impound(Record):
    """One tow."""

    motive_code: str
    vehicle_class: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["impound"],
    Impound,
    pseudonymous_key="always",
    refused={
        "plate": "a plate identifies its owner",
        "owner": "owners are not recorded",
        "make": "make and colour identify a vehicle",
        "colour": "make and colour identify a vehicle",
    },
)
