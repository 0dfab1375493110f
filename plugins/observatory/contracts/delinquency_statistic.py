"""Yearly counts of recorded offences by area, as the ministry publishes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.contracts.parse import to_utc
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_CENTURY, _FIRST_YEAR, _LAST_YEAR = 2000, 1990, 2100


class DelinquencyStatistic(Record):
    """One indicator of one area and year, in one edition; the count is null if it is not published."""

    zone_code: str
    reference_year: pl.Int32 = pa.Field(in_range={"min_value": _FIRST_YEAR, "max_value": _LAST_YEAR})
    edition: str
    indicator_code: str
    unit: str
    is_published: bool
    recorded_count: pl.Int64 = pa.Field(nullable=True, ge=0)
    population_count: pl.Int64 = pa.Field(nullable=True, ge=0)

    @pa.check("recorded_count", error="a count where one is published")
    def _is_there_if_published(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("recorded_count").is_not_null() | ~pl.col("is_published"))


def date_the_year(values: pl.DataFrame, territory: Territory, _: FeedSettings) -> pl.DataFrame:
    """Set the period of each row to its year, and the count to null where the source does not publish it."""
    year = pl.col("reference_year")
    year = pl.when(year < 100).then(year + _CENTURY).otherwise(year)
    possible = pl.when(year.is_between(_FIRST_YEAR, _LAST_YEAR)).then(year)
    start = to_utc(pl.datetime(possible, 1, 1), territory.timezone)
    end = to_utc(pl.datetime(possible + 1, 1, 1), territory.timezone)
    return values.with_columns(
        reference_year=year,
        occurred_from=start,
        occurred_to=end,
        occurred_precision=pl.lit("year"),
        recorded_count=pl.when(pl.col("is_published")).then("recorded_count"),
    )


CONTRACT = Contract(
    KINDS["delinquency_statistic"],
    DelinquencyStatistic,
    natural_key=("zone_code", "reference_year", "indicator_code", "edition"),
    rule=date_the_year,
    completes=frozenset({"occurred_from"}),
)
