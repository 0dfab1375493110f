"""Operations of the fire brigade: call, departure, arrival, clearance."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Moment, Record
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_SLOWEST_RESPONSE_MIN = 60


class FireOperation(Record):
    """One operation; it begins with the call and ends at its last reported time."""

    nature_code: str
    departed_at: Moment = pa.Field(nullable=True)
    arrived_at: Moment = pa.Field(nullable=True)
    cleared_at: Moment = pa.Field(nullable=True)

    @pa.check("departed_at", error="not before the call")
    def _departs_after_the_call(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("departed_at") >= pl.col("occurred_from"))

    @pa.check("arrived_at", error="not before the departure")
    def _arrives_after_departing(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        begun = pl.coalesce("departed_at", "occurred_from")
        return data.lazyframe.select(pl.col("arrived_at") >= begun)

    @pa.check("arrived_at", error=f"within {_SLOWEST_RESPONSE_MIN} minutes of the call")
    def _arrives_in_time(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        response = pl.col("arrived_at") - pl.col("occurred_from")
        return data.lazyframe.select(response <= pl.duration(minutes=_SLOWEST_RESPONSE_MIN))

    @pa.check("cleared_at", error="not before the arrival")
    def _clears_after_arriving(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        begun = pl.coalesce("arrived_at", "departed_at", "occurred_from")
        return data.lazyframe.select(pl.col("cleared_at") >= begun)


def end_with_the_last_moment(values: pl.DataFrame, _: Territory, __: FeedSettings) -> pl.DataFrame:
    """Set the end of an operation to its last reported time."""
    reported = [name for name in ("occurred_from", "departed_at", "arrived_at", "cleared_at") if name in values.columns]
    return values.with_columns(occurred_to=pl.max_horizontal(reported))


CONTRACT = Contract(
    KINDS["fire_operation"],
    FireOperation,
    rule=end_with_the_last_moment,
    rounded_to_m=100,
    refused={
        "caller": "callers are not recorded",
        "victim": "victims are not recorded",
        "description": "descriptions of operations are medical data",
    },
)
