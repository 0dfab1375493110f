"""Outages of street lights."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Moment, Standing
from observatory.kinds import KINDS


class StreetLight(Standing):
    """One outage, until its repair."""

    occurred_from: Moment
    light_code: str
    state: str = pa.Field(isin=["outage", "dimmed", "repaired"])


CONTRACT = Contract(
    KINDS["street_light"],
    StreetLight,
    natural_key=("light_code", "occurred_from"),
)
