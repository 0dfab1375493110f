"""Road accidents with injury: persons and vehicles are counted, and years of birth replaced by age classes."""

from __future__ import annotations

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS

AGE_CLASSES = {"aged_0_14_count": (0, 14), "aged_15_24_count": (15, 24), "aged_25_64_count": (25, 64),
               "aged_65_plus_count": (65, 120)}  # fmt: skip
"""Column to the first and last age that it counts, years."""

_SEVERITIES = {"unhurt_count": 1, "killed_count": 2, "hospitalised_count": 3, "slightly_hurt_count": 4}
_UNKNOWN = -1


class Accident(Record):
    """One accident; ``severity`` is that of the worst injury in the codes of BAAC, -1 if unknown."""

    department_code: str
    municipality_code: str
    severity: pl.Int32 = pa.Field(nullable=True, isin=[1, 2, 3, 4, -1])
    vehicle_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    involved_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    killed_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    hospitalised_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    slightly_hurt_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    unhurt_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    aged_0_14_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    aged_15_24_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    aged_25_64_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    aged_65_plus_count: pl.Int32 = pa.Field(nullable=True, ge=0)
    light_code: str = pa.Field(nullable=True)
    weather_code: str = pa.Field(nullable=True)
    collision_code: str = pa.Field(nullable=True)

    @pa.check("killed_count", error="at most as many as were involved")
    def _adds_up(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        parts = pl.sum_horizontal(*_SEVERITIES)
        return data.lazyframe.select(pl.col("involved_count").is_null() | (parts <= pl.col("involved_count")))


def count_involved(involved: pl.DataFrame) -> pl.DataFrame:
    """Count the persons involved in each accident, so that no row per person and no year of birth is kept.

    Args:
        involved: one row per person: ``accident``, ``severity`` (1 unhurt, 2 killed, 3 hospitalised, 4 slightly hurt,
            -1 unknown), ``birth_year`` and ``year`` of the accident; all but the first may be null.

    Returns:
        One row per accident: ``accident``, ``involved_count``, the worst ``severity``, a count per severity and one per
        age class (Int32); a person of unknown age is in none of these classes.
    """
    age = pl.col("year").cast(pl.Int32) - pl.col("birth_year").cast(pl.Int32)
    severity = pl.col("severity").cast(pl.Int32)
    worst = (
        pl.when((severity == 2).any()).then(2).when((severity == 3).any()).then(3).when((severity == 4).any()).then(4)
    )
    return involved.group_by("accident", maintain_order=True).agg(
        involved_count=pl.len().cast(pl.Int32),
        severity=worst.when((severity == 1).any()).then(1).otherwise(_UNKNOWN).cast(pl.Int32),
        **{name: (severity == code).sum().cast(pl.Int32) for name, code in _SEVERITIES.items()},
        **{name: age.is_between(first, last).sum().cast(pl.Int32) for name, (first, last) in AGE_CLASSES.items()},
    )


CONTRACT = Contract(
    KINDS["accident"],
    Accident,
    refused={
        "birth_year": "years of birth are replaced by age classes (count_involved)",
        "sex": "injured persons are only counted",
        "plate": "a vehicle identifies its owner",
        "address": "the point is sufficient",
    },
)
