"""Scores as rows of ``ml.forecast_score``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from ml.baselines import Flat
from ml.measure import AREA_PERCENTS, DayScore, pool, score_day
from ml.methods import BASELINES, OURS
from ml.panel import Panel
from ml.tables import SCORE_COLUMNS


@dataclass(frozen=True)
class ScoredDay:
    """How one method did on one day, and what it was made from."""

    group: str
    day: date
    horizon_days: int
    method: str
    model_id: str | None
    data_as_of: datetime
    score: DayScore


def score_live(
    issued: np.ndarray,
    panel: Panel,
    observed: np.ndarray,
    *,
    group: str,
    day: date,
    model_id: str,
    horizon_days: int,
    data_as_of: datetime,
) -> list[ScoredDay]:
    """Score an issued forecast, and the baselines as they would have been issued beside it.

    Args:
        issued: (cells,) expected counts as issued.
        panel: as known when they were issued; it ends with the last day known.
        observed: (cells,) what happened.
        group: category group.
        day: the day that was forecast.
        model_id: the model that issued the forecast.
        horizon_days: of the forecast.
        data_as_of: of the forecast.
    """
    through = day - timedelta(days=horizon_days)
    flat = Flat().predict(panel, [day], horizon_days)[0]
    maps = {OURS: issued} | {
        method.name: method.fit(panel, through, horizon_days).predict(panel, [day], horizon_days)[0]
        for method in BASELINES
    }
    return [
        ScoredDay(
            group,
            day,
            horizon_days,
            method,
            model_id if method == OURS else None,
            data_as_of,
            score_day(expected, flat, observed, day),
        )
        for method, expected in maps.items()
    ]


def score_rows(scored: Sequence[ScoredDay], territory_code: str, evaluation: str) -> pl.DataFrame:
    """Rows of ``ml.forecast_score``; hit rates, PAI and PEI are null on days without incidents."""
    return pl.DataFrame([_row(day) for day in scored], schema_overrides=SCORE_COLUMNS).with_columns(
        territory_code=pl.lit(territory_code), evaluation=pl.lit(evaluation)
    )


def _row(scored: ScoredDay) -> dict[str, Any]:
    score, measures = scored.score, pool([scored.score])
    shares = {"hit_rate": measures.hit_rate, "pai": measures.pai, "pei": measures.pei}
    return {
        "category_group": scored.group,
        "forecast_date": scored.day,
        "horizon_days": scored.horizon_days,
        "method": scored.method,
        "model_id": scored.model_id,
        "data_as_of": scored.data_as_of,
        "cell_count": score.cell_count,
        "incident_count": score.incident_count,
        "expected_count": score.expected_count,
        "poisson_deviance": score.poisson_deviance,
        "log_score": score.log_score,
        "flat_log_score": score.flat_log_score,
        **{f"{name}_{percent}": values[percent] for name, values in shares.items() for percent in AREA_PERCENTS},
    }
