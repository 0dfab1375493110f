"""Citations: fines issued by officers. They measure enforcement, not crime."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS


class Citation(Record):
    """One citation, with the time and place of its issue."""

    offence_code: str
    amount_eur: float = pa.Field(in_range={"min_value": 4, "max_value": 3750})
    vehicle_class: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["citation"],
    Citation,
    pseudonymous_key="always",
    refused={
        "plate": "a plate identifies its owner; the class of vehicle is sufficient",
        "driver": "drivers are not recorded",
        "officer": "officers are not recorded",
    },
)
