"""Road traffic: measurements of a site over an interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record, Sums
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_MOST_PER_LANE_VEH_H = 2_400
_MOST_LANES = 8


class TrafficMeasure(Record):
    """One measurement; null if the site measured nothing usable, 0 if it worked and counted nothing."""

    site_code: str
    lane_count: pl.Int32 = pa.Field(nullable=True, in_range={"min_value": 1, "max_value": _MOST_LANES})
    flow_veh_h: float = pa.Field(nullable=True, ge=0)
    speed_kmh: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 160})
    occupancy_pct: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 100})
    input_count: pl.Int32 = pa.Field(nullable=True, ge=0)

    @pa.check("flow_veh_h", error=f"at most {_MOST_PER_LANE_VEH_H} vehicles an hour and lane")
    def _is_possible(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        most = pl.col("lane_count").fill_null(_MOST_LANES) * _MOST_PER_LANE_VEH_H
        return data.lazyframe.select(pl.col("flow_veh_h") <= most)


def tell_missing_from_zero(values: pl.DataFrame, _: Territory, __: FeedSettings) -> pl.DataFrame:
    """Set a speed of 0 without any input to null.

    If the source states only one end of an interval, the other is computed from ``period_min``.
    """
    if "period_min" in values.columns:
        period = pl.duration(minutes=pl.col("period_min"))
        if "occurred_from" not in values.columns:
            values = values.with_columns(occurred_from=pl.col("occurred_to") - period)
        elif "occurred_to" not in values.columns:
            values = values.with_columns(occurred_to=pl.col("occurred_from") + period)
    if {"speed_kmh", "input_count"} <= set(values.columns):
        is_missing = (pl.col("speed_kmh") == 0) & (pl.col("input_count") == 0)
        values = values.with_columns(speed_kmh=pl.when(~is_missing.fill_null(value=False)).then("speed_kmh"))
    return values


CONTRACT = Contract(
    KINDS["traffic_measure"],
    TrafficMeasure,
    natural_key=("site_code", "occurred_to"),
    rule=tell_missing_from_zero,
    completes=frozenset({"occurred_from"}),
    inputs={"period_min": pl.Float64()},
    any_of=("flow_veh_h", "speed_kmh", "occupancy_pct"),
    sums=Sums(series=("site_code",), measures=("flow_veh_h", "speed_kmh", "occupancy_pct")),
    refused={"plate": "traffic is counted, persons are not tracked"},
)
