"""Pitches: places of markets and pitches granted in public space."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Standing
from observatory.kinds import KINDS


class Pitch(Standing):
    """One pitch or market, for as long as it is granted; never to whom."""

    pitch_type: str
    place_name: str = pa.Field(nullable=True)
    opening_days: str = pa.Field(nullable=True)
    stall_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    area_m2: float = pa.Field(nullable=True, gt=0)


CONTRACT = Contract(
    KINDS["pitch"],
    Pitch,
    refused={"holder": "to whom a pitch is granted is not asked", "phone": "whom to call is not asked"},
)
