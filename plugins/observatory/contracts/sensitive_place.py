"""Sensitive places: schools, places of worship and their like, around which more care is due."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Kind, Standing


class SensitivePlace(Standing):
    """One place; a point that stands for a whole town is no location (``values: {location_method: {Ville: none}}``)."""

    place_type: str
    place_name: str = pa.Field(nullable=True)


KIND = Kind(
    "sensitive_place",
    "a sensitive place",
    SensitivePlace,
    time_column=None,
    retention_days=None,
    refused={
        "phone": "whom to call is not asked",
        "mail": "whom to write to is not asked",
        "contact": "who works or prays there is not asked",
    },
)
