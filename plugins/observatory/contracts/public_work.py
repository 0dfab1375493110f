"""Public works: excavations, closures and construction sites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import UTC_TIME, Contract, Moment, Standing
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings


class PublicWork(Standing):
    """One work; ``occurred_from`` and ``occurred_to`` are the actual times if known, otherwise the planned ones."""

    nature_code: str
    state: str = pa.Field(isin=["planned", "active", "suspended", "ended", "cancelled"])
    occurred_from: Moment
    planned_from: Moment = pa.Field(nullable=True)
    planned_to: Moment = pa.Field(nullable=True)
    is_road_closed: bool = pa.Field(nullable=True)
    description: str = pa.Field(nullable=True)
    geometry_wkt: str = pa.Field(nullable=True)

    @pa.check("planned_to", error="not before its planned start")
    def _is_planned_in_order(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("planned_to") >= pl.col("planned_from"))


def close_what_is_over(values: pl.DataFrame, _: Territory, __: FeedSettings) -> pl.DataFrame:
    """Use planned times where actual ones are unknown, and close records whose source states that they are over.

    A record may have no end until ``is_over`` is true; without an end of its own it then ends when that was reported.
    """
    for actual, planned in (("occurred_from", "planned_from"), ("occurred_to", "planned_to")):
        reported = [name for name in (actual, planned) if name in values.columns]
        values = values.with_columns(pl.coalesce(*reported, pl.lit(None, UTC_TIME)).alias(actual))
    if "is_over" not in values.columns:
        return values
    is_over = pl.col("is_over").fill_null(value=False)
    said = [name for name in ("occurred_to", "published_at", "reported_at") if name in values.columns]
    end = pl.max_horizontal(pl.coalesce(said), "occurred_from")
    state = pl.col("state") if "state" in values.columns else pl.lit("active")
    return values.with_columns(
        state=pl.when(is_over).then(pl.lit("ended")).otherwise(state),
        occurred_to=pl.when(is_over).then(end).otherwise("occurred_to"),
    )


CONTRACT = Contract(
    KINDS["public_work"],
    PublicWork,
    rule=close_what_is_over,
    completes=frozenset({"occurred_from", "state"}),
    inputs={"is_over": pl.Boolean()},
    any_of=("occurred_from", "planned_from"),
    texts=("description",),
    refused={"contact": "contact persons are not recorded", "internal_note": "internal notes contain names"},
)
