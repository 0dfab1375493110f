"""Citations: what officers fined. They measure enforcement and are never read as crime."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS


class Citation(Record):
    """One citation, at the moment and place it was issued."""

    offence_code: str
    amount_eur: float = pa.Field(in_range={"min_value": 4, "max_value": 3750})
    vehicle_class: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["citation"],
    Citation,
    pseudonymous_key="always",
    refused={
        "plate": "a plate leads to its owner; the class of vehicle is enough",
        "driver": "who was fined is not asked",
        "officer": "who wrote the citation is not asked",
    },
)
