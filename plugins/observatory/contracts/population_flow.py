"""Population flows: number of persons in a zone and a time slot, as estimated by a telecom operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record, Sums
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

LEAST_COUNT = 20
"""Operators do not publish smaller groups; if one does, the size of the group is removed."""


class PopulationFlow(Record):
    """One zone, slot and segment; the volume is null if the group is smaller than the operator's threshold."""

    zone_code: str
    segment: str
    volume_count: float = pa.Field(nullable=True, ge=LEAST_COUNT)
    is_suppressed: bool

    @pa.check("occurred_to", error="a slot of one or two hours")
    def _is_a_slot(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        hours = (pl.col("occurred_to") - pl.col("occurred_from")).dt.total_minutes() / 60
        return data.lazyframe.select(hours.is_in([1.0, 2.0]))


def bound_the_slot(values: pl.DataFrame, _: Territory, __: FeedSettings) -> pl.DataFrame:
    """Compute the end of a slot from ``slot_hours`` if it is missing, and mark volumes that are not published."""
    if "slot_hours" in values.columns and "occurred_to" not in values.columns:
        slot = pl.duration(minutes=pl.col("slot_hours") * 60)
        values = values.with_columns(occurred_to=pl.col("occurred_from") + slot)
    return values.with_columns(is_suppressed=pl.col("volume_count").is_null())


CONTRACT = Contract(
    KINDS["population_flow"],
    PopulationFlow,
    natural_key=("zone_code", "occurred_from", "segment"),
    rule=bound_the_slot,
    completes=frozenset({"is_suppressed"}),
    inputs={"slot_hours": pl.Float64()},
    any_of=("volume_count",),
    least_count={"volume_count": LEAST_COUNT},
    small_counts="null",
    sums=Sums(series=("zone_code", "segment"), measures=("volume_count",)),
    refused={"imsi": "subscribers are not recorded", "device": "devices are not recorded"},
)
