"""Public transport: planned and observed departures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record, Sums
from observatory.contracts.parse import to_utc
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_CLOCK = r"^(\d{1,2}):(\d{2})(?::(\d{2}))?$"
_LAST_HOUR = 29


class TransitService(Record):
    """A stop of a trip, planned or observed, or the departures of a line at a stop in an interval."""

    record_type: str = pa.Field(isin=["planned", "observed", "disrupted"])
    feed_version: str = pa.Field(nullable=True)
    line_code: str = pa.Field(nullable=True)
    trip_code: str = pa.Field(nullable=True)
    stop_code: str = pa.Field(nullable=True)
    stop_sequence: pl.Int32 = pa.Field(nullable=True, ge=0)
    service_date: pl.Date = pa.Field(nullable=True)
    service_time: str = pa.Field(nullable=True)
    bearing_deg: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 360})
    delay_s: pl.Int32 = pa.Field(nullable=True, in_range={"min_value": -30 * 60, "max_value": 120 * 60})
    departure_count: pl.Int32 = pa.Field(nullable=True, ge=0)

    @pa.check("service_time", error=f"a time of the service day, up to {_LAST_HOUR}:59:59")
    def _is_of_the_service_day(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        parts = pl.col("service_time").str.extract_groups(_CLOCK)
        hour, minute = (parts.struct.field(name).cast(pl.Int32, strict=False) for name in ("1", "2"))
        is_right = (hour <= _LAST_HOUR) & (minute < 60)
        return data.lazyframe.select(pl.col("service_time").is_null() | is_right.fill_null(value=False))

    @pa.check("trip_code", error="a trip, or a line")
    def _is_of_a_line(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("trip_code").is_not_null() | pl.col("line_code").is_not_null())


def unroll_the_service_day(values: pl.DataFrame, territory: Territory, _: FeedSettings) -> pl.DataFrame:
    """Convert a service day and a time such as 25:10:00 to UTC.

    GTFS counts from twelve hours before noon, so that no time is ambiguous on a day on which the clock changes.
    """
    if "service_time" not in values.columns:
        return values
    parts = pl.col("service_time").str.extract_groups(_CLOCK)
    hours, minutes, seconds = (parts.struct.field(name).cast(pl.Int64, strict=False) for name in ("1", "2", "3"))
    noon = to_utc(pl.col("service_date").cast(pl.Datetime("us")).dt.offset_by("12h"), territory.timezone)
    since = pl.duration(hours=hours - 12, minutes=minutes, seconds=seconds.fill_null(0))
    return values.with_columns(occurred_from=noon + since)


CONTRACT = Contract(
    KINDS["transit_service"],
    TransitService,
    natural_key=(
        "record_type",
        "feed_version",
        "line_code",
        "trip_code",
        "stop_code",
        "stop_sequence",
        "occurred_from",
    ),
    rule=unroll_the_service_day,
    completes=frozenset({"occurred_from"}),
    any_of=("occurred_from", "service_time"),
    sums=Sums(
        series=("record_type", "line_code"),
        measures=("delay_s",),
        distinct={"trip_count": "trip_code"},
        has_simultaneous=True,
    ),
    refused={
        "vehicle": "a vehicle identifies its driver",
        "driver": "drivers are not recorded",
    },
)
