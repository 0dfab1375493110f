"""Markets, and pitches granted in public space."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Standing
from observatory.kinds import KINDS


class Pitch(Standing):
    """One market or pitch, for the period of its permit; without the holder."""

    pitch_type: str
    place_name: str = pa.Field(nullable=True)
    opening_days: str = pa.Field(nullable=True)
    stall_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    area_m2: float = pa.Field(nullable=True, gt=0)


CONTRACT = Contract(
    KINDS["pitch"],
    Pitch,
    refused={"holder": "holders are not recorded", "phone": "contact details are not recorded"},
)
