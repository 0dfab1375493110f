"""Columns and keys of the tables that forecasts are written to; sql/05_ml.sql creates the tables."""

from __future__ import annotations

import polars as pl

from ml.evaluation.metrics import AREA_PERCENTS

Schema = dict[str, pl.DataType | type[pl.DataType]]
FORECAST_COLUMNS: Schema = {
    "territory_code": pl.String,
    "category_group": pl.String,
    "forecast_date": pl.Date,
    "cell_id": pl.String,
    "horizon_days": pl.Int16,
    "model_id": pl.String,
    "data_as_of": pl.Datetime("us", "UTC"),
    "expected_count": pl.Float64,
    "probability_any": pl.Float64,
    "risk_rank": pl.Int32,
    "lower_80": pl.Int32,
    "upper_80": pl.Int32,
}
SCORE_COLUMNS: Schema = {
    "territory_code": pl.String,
    "category_group": pl.String,
    "forecast_date": pl.Date,
    "horizon_days": pl.Int16,
    "evaluation": pl.String,
    "method": pl.String,
    "model_id": pl.String,
    "data_as_of": pl.Datetime("us", "UTC"),
    "cell_count": pl.Int32,
    "incident_count": pl.Int32,
    **dict.fromkeys(("expected_count", "poisson_deviance", "log_score", "flat_log_score"), pl.Float64),
    **{f"{metric}_{share}": pl.Float64 for metric in ("hit_rate", "pai", "pei") for share in AREA_PERCENTS},
}
ABSTENTION_COLUMNS: Schema = {
    "territory_code": pl.String,
    "category_group": pl.String,
    "forecast_date": pl.Date,
    "data_as_of": pl.Datetime("us", "UTC"),
    "reason": pl.String,
}
KEYS = {
    "hotspot_forecast": ("territory_code", "forecast_date", "category_group", "horizon_days", "cell_id"),
    "forecast_score": ("territory_code", "forecast_date", "category_group", "horizon_days", "evaluation", "method"),
    "abstention": ("territory_code", "category_group", "forecast_date"),
}
COLUMNS: dict[str, Schema] = {
    "hotspot_forecast": FORECAST_COLUMNS,
    "forecast_score": SCORE_COLUMNS,
    "abstention": ABSTENTION_COLUMNS,
}
