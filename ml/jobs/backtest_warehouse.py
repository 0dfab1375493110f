"""Backtest of a city in the warehouse; the scores are written to ``ml.forecast_score``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from ml.errors import Abstention, InputError
from ml.evaluation.backtest import rolling_forecasts
from ml.io import open_warehouse
from ml.jobs.results import Progress, ScoreSummary
from ml.jobs.scoring import ScoredDay, pool_scores, score_rows
from ml.jobs.snapshot import cells_of
from ml.models.registry import BASELINES, METHODS, OURS
from ml.panel.history import KnownHistory, group_panel, midnight
from ml.panel.panel import span


def backtest_warehouse(
    url: str,
    territory_code: str,
    first_day: date,
    last_day: date,
    groups: Sequence[str] | None = None,
    *,
    refit_days: int = 28,
    progress: Progress | None = None,
) -> ScoreSummary:
    """Rolling-origin backtest of ours and the baselines over ``[first_day, last_day]``, each day as known that morning.

    Args:
        url: ``postgresql+psycopg://`` address of the warehouse as role forecaster.
        territory_code: the city.
        first_day: first local day forecast.
        last_day: last local day forecast.
        groups: category groups; None means every group with trainable incidents.
        refit_days: days between two trainings.
        progress: called with (category group, days done, days in total).

    Raises:
        InputError: the territory is unknown, or the days lie outside the data.
    """
    scored: list[ScoredDay] = []
    skipped: dict[str, str] = {}
    changed = 0
    span_of = {"first_day": first_day, "last_day": last_day}
    with open_warehouse(url) as warehouse:
        territory = warehouse.territory(territory_code)
        timezone = territory.timezone
        cells, happened = cells_of(warehouse, territory_code), warehouse.counts(territory_code)
        _check_days(territory_code, happened, first_day, last_day)
        versions = warehouse.versions(territory_code)
        for group in sorted(groups if groups is not None else happened["category_group"].drop_nulls().unique()):
            known = KnownHistory(
                cells, versions, group=group, timezone=timezone, country_code=territory.country_code, **span_of
            )
            truth = group_panel(cells, happened, group, first_day, last_day + timedelta(days=1))
            methods = [METHODS[OURS], *BASELINES]
            rows = []
            try:
                for made in rolling_forecasts(
                    methods, known, truth=truth, first_day=first_day, last_day=last_day, refit_days=refit_days
                ):
                    as_of = midnight(made.day - timedelta(days=made.horizon_days - 1), timezone)
                    rows.append(ScoredDay(group, made.day, made.horizon_days, made.method, None, as_of, made.score))
                    if progress:
                        progress(group, (made.day - first_day).days + 1, (last_day - first_day).days + 1)
            except Abstention as error:
                skipped[group] = str(error)
                continue
            changed += warehouse.replace(
                "forecast_score",
                score_rows(rows, territory_code, "backtest"),
                territory_code=territory_code,
                category_group=group,
                evaluation="backtest",
                forecast_date=(first_day, last_day),
            )
            scored += rows
    return ScoreSummary(territory_code, first_day, last_day, "backtest", pool_scores(scored), skipped, changed)


def _check_days(territory_code: str, happened: pl.DataFrame, first_day: date, last_day: date) -> None:
    known = span(happened["occurred_date"])
    if known is None or not known[0] < first_day <= last_day <= known[1]:
        raise InputError(
            f"{territory_code} backtest {first_day}..{last_day}",
            found=f"incidents of {known[0]}..{known[1]}" if known else "no incident that may train a forecast",
            expected="days inside the data, the first before the last",
            action="Choose other days, or extract and transform more history.",
        )
