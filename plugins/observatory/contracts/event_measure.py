"""Measures planned for events: barriers and staff."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS


class EventMeasure(Record):
    """One measure for an event, with its period and place."""

    event_code: str
    measure_type: str
    barrier_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    staff_count: pl.Int32 = pa.Field(nullable=True, ge=0)


CONTRACT = Contract(
    KINDS["event_measure"],
    EventMeasure,
    natural_key=("event_code", "measure_type", "occurred_from"),
    refused={"officer": "staff is only counted", "contact": "contact details are not recorded"},
)
