"""Hospital visits per day, summed by the source by establishment, age class and reason."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS

LEAST_COUNT = 5
"""Fewer visits than this could identify a person: such rows are rejected, and their count is not kept."""


class HospitalActivity(Record):
    """Visits to one establishment on one day, of one age class and reason."""

    establishment_code: str
    zone_code: str = pa.Field(nullable=True)
    age_class: str
    motive_code: str
    visit_count: pl.Int32 = pa.Field(in_range={"min_value": LEAST_COUNT, "max_value": 5_000})


CONTRACT = Contract(
    KINDS["hospital_activity"],
    HospitalActivity,
    natural_key=("establishment_code", "occurred_from", "age_class", "motive_code"),
    least_count={"visit_count": LEAST_COUNT},
    tolerated_reject_share=0.5,
    refused={
        "patient": "only sums are read",
        "birth_date": "only age classes are read",
        "diagnosis": "only classes of reasons are read",
    },
)
