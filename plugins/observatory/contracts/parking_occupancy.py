"""Parking: free spaces of car parks over time."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record, Sums
from observatory.kinds import KINDS

_OVERFULL = 1.05


class ParkingOccupancy(Record):
    """One car park at one time; counters may be wrong by 5 % of the capacity."""

    car_park_code: str
    place_name: str = pa.Field(nullable=True)
    free_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    capacity_count: pl.Int32 = pa.Field(nullable=True, gt=0)
    is_open: bool = pa.Field(nullable=True)

    @pa.check("free_count", error="at most the capacity and a twentieth")
    def _fits(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        most = pl.col("capacity_count") * _OVERFULL
        return data.lazyframe.select(
            pl.col("capacity_count").is_null() | (pl.col("capacity_count") <= 0) | (pl.col("free_count") <= most)
        )


CONTRACT = Contract(
    KINDS["parking_occupancy"],
    ParkingOccupancy,
    natural_key=("car_park_code", "occurred_from"),
    any_of=("free_count",),
    sums=Sums(series=("car_park_code",), measures=("free_count", "capacity_count")),
    refused={"plate": "places are counted, persons are not tracked"},
)
