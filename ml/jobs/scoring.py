"""Score stored forecasts; scores become rows of ``ml.forecast_score``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl

from ml.evaluation.metrics import AREA_PERCENTS, DayScore, pool, score_day
from ml.io import open_warehouse
from ml.jobs.results import GroupScore, ScoreSummary
from ml.jobs.snapshot import City
from ml.models.baselines import Flat
from ml.models.registry import BASELINES, OURS
from ml.panel.history import group_panel
from ml.panel.panel import Panel, span
from ml.tables import SCORE_COLUMNS


@dataclass(frozen=True)
class ScoredDay:
    """One method's score of one day, and the model and data behind it."""

    group: str
    day: date
    horizon_days: int
    method: str
    model_id: str | None
    data_as_of: datetime
    score: DayScore


def score_live(
    forecast: np.ndarray,
    panel: Panel,
    observed: np.ndarray,
    *,
    group: str,
    day: date,
    model_id: str,
    horizon_days: int,
    data_as_of: datetime,
) -> list[ScoredDay]:
    """Score a stored forecast, and the baselines as they would have been forecast with it.

    Args:
        forecast: (cells,) expected counts as stored.
        panel: as known when the forecast was made; it ends with the last day known.
        observed: (cells,) what happened.
        group: category group.
        day: the day that was forecast.
        model_id: the model that made the forecast.
        horizon_days: of the forecast.
        data_as_of: of the forecast.
    """
    through = day - timedelta(days=horizon_days)
    flat = Flat().predict(panel, [day], horizon_days)[0]
    maps = {OURS: forecast} | {
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
    score, metrics = scored.score, pool([scored.score])
    shares = {"hit_rate": metrics.hit_rate, "pai": metrics.pai, "pei": metrics.pei}
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


def score(url: str, territory_code: str, day: date) -> ScoreSummary:
    """Score the stored forecast of local day ``day``, and every baseline as it would have been forecast with it.

    Args:
        url: ``postgresql+psycopg://`` address of the warehouse as role forecaster.
        territory_code: the city.
        day: the local day that was forecast.

    Raises:
        InputError: the territory is unknown or the warehouse cannot be reached.
    """
    scored: list[ScoredDay] = []
    skipped: dict[str, str] = {}
    changed = 0
    with open_warehouse(url) as warehouse:
        city = City.read(warehouse, territory_code, day)
        happened = warehouse.counts(territory_code)
        stored = warehouse.forecast(territory_code, day)
        if stored.is_empty():
            skipped["*"] = f"no forecast of {day} is stored"
        elif not _is_over(happened, day):
            skipped["*"] = f"{day} is not over: no incident of that day or later is known yet"
            stored = stored.clear()
        for (group,), forecast in stored.group_by("category_group", maintain_order=True):
            rows = _score_group(city, str(group), forecast, happened)
            changed += warehouse.replace(
                "forecast_score",
                score_rows(rows, territory_code, "live"),
                territory_code=territory_code,
                category_group=group,
                evaluation="live",
                forecast_date=(day, day),
            )
            scored += rows
    return ScoreSummary(territory_code, day, day, "live", pool_scores(scored), skipped, changed)


def _score_group(city: City, group: str, forecast: pl.DataFrame, happened: pl.DataFrame) -> list[ScoredDay]:
    expected = forecast.filter(pl.col("cell_id").is_in(city.cells.cell_id))
    maps = pl.DataFrame({"cell_id": city.cells.cell_id}).join(expected, on="cell_id", how="left", maintain_order="left")
    horizon_days = forecast["horizon_days"][0]
    end_day = city.day - timedelta(days=horizon_days - 1)
    first_day, _ = span(city.counts["occurred_date"]) or (end_day, end_day)
    panel = group_panel(city.cells, city.counts, group, first_day, end_day)
    truth = group_panel(city.cells, happened, group, city.day, city.day + timedelta(days=1))
    return score_live(
        maps["expected_count"].fill_null(0.0).to_numpy(),
        panel,
        truth.counts(city.day),
        group=group,
        day=city.day,
        model_id=forecast["model_id"][0],
        horizon_days=horizon_days,
        data_as_of=forecast["data_as_of"][0],
    )


def pool_scores(scored: Sequence[ScoredDay]) -> tuple[GroupScore, ...]:
    """Pool the days of each category group and method."""
    together = defaultdict(list)
    for day in scored:
        together[day.group, day.method].append(day.score)
    return tuple(GroupScore.of(*key, pool(days)) for key, days in together.items())


def _is_over(happened: pl.DataFrame, day: date) -> bool:
    """Whether incidents of that day or a later one are known."""
    return bool((happened["occurred_date"] >= day).any())
