"""Impounded vehicles: where and when one was towed, and why."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Kind, Record


class Impound(Record):
    """One tow."""

    motive_code: str
    vehicle_class: str = pa.Field(nullable=True)


KIND = Kind(
    "impound",
    "a tow to the pound",
    Impound,
    pseudonymous_key="always",
    refused={
        "plate": "a plate leads to its owner",
        "owner": "whose vehicle it was is not asked",
        "make": "make and colour single a vehicle out",
        "colour": "make and colour single a vehicle out",
    },
)
