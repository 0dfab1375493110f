"""Street lights: outages and repairs."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Kind, Moment, Standing


class StreetLight(Standing):
    """One outage, until its repair."""

    occurred_from: Moment
    light_code: str
    state: str = pa.Field(isin=["outage", "dimmed", "repaired"])


KIND = Kind(
    "street_light",
    "an outage of a light",
    StreetLight,
    natural_key=("light_code", "occurred_from"),
    time_column=None,
)
