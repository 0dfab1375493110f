"""Hourly weather: measured at a station, or forecast by a model for its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts.base import Contract, Record
from observatory.kinds import KINDS

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_ZERO_CELSIUS_K, _PASCALS = 273.15, 100


class Weather(Record):
    """One station and hour; the ranges are those observed on Earth, at stations of any height."""

    station_code: str
    temperature_c: float = pa.Field(nullable=True, in_range={"min_value": -95, "max_value": 60})
    rain_mm: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 200})
    wind_m_s: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 115})
    humidity_pct: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 100})
    pressure_hpa: float = pa.Field(nullable=True, in_range={"min_value": 500, "max_value": 1_100})
    is_forecast: bool = pa.Field(nullable=True)


def convert_units(values: pl.DataFrame, _: Territory, __: FeedSettings) -> pl.DataFrame:
    """Convert kelvin to degrees Celsius, pascals to hectopascals, km/h to m/s."""
    converted = {
        "temperature_k": ("temperature_c", (pl.col("temperature_k") - _ZERO_CELSIUS_K).round(2)),
        "pressure_pa": ("pressure_hpa", pl.col("pressure_pa") / _PASCALS),
        "wind_km_h": ("wind_m_s", (pl.col("wind_km_h") / 3.6).round(3)),
    }
    return values.with_columns(
        value.alias(name) for source, (name, value) in converted.items() if source in values.columns
    )


CONTRACT = Contract(
    KINDS["weather"],
    Weather,
    natural_key=("station_code", "occurred_from", "is_forecast"),
    rule=convert_units,
    inputs={"temperature_k": pl.Float64(), "pressure_pa": pl.Float64(), "wind_km_h": pl.Float64()},
    any_of=("temperature_c", "temperature_k", "rain_mm", "wind_m_s", "wind_km_h"),
)
