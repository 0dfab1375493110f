"""Sensitive places: schools, places of worship and their like, around which more care is due."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Standing
from observatory.kinds import KINDS


class SensitivePlace(Standing):
    """One place; a point that stands for a whole town is no location (``values: {location_method: {Ville: none}}``)."""

    place_type: str
    place_name: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["sensitive_place"],
    SensitivePlace,
    refused={
        "phone": "whom to call is not asked",
        "mail": "whom to write to is not asked",
        "contact": "who works or prays there is not asked",
    },
)
