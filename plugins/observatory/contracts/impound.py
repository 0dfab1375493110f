"""Impounded vehicles: where and when one was towed, and why."""

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
        "plate": "a plate leads to its owner",
        "owner": "whose vehicle it was is not asked",
        "make": "make and colour single a vehicle out",
        "colour": "make and colour single a vehicle out",
    },
)
