"""Sensitive places: schools, places of worship and similar."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Standing
from observatory.kinds import KINDS


class SensitivePlace(Standing):
    """One place; ``values: {location_method: {Ville: none}}`` removes points that stand for a whole town."""

    place_type: str
    place_name: str = pa.Field(nullable=True)


CONTRACT = Contract(
    KINDS["sensitive_place"],
    SensitivePlace,
    refused={
        "phone": "contact details are not recorded",
        "mail": "contact details are not recorded",
        "contact": "persons are not recorded",
    },
)
