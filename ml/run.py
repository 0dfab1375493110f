"""Train, forecast, score and backtest against a warehouse: what the scheduler's tasks and the command line call.

A forecast for local day D is made with what was known at 05:00 local time on D. Every entry point is one transaction,
and the same input twice changes no row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from ml.backtest import backtest as roll
from ml.city import City, cells_of
from ml.errors import Abstention, InputError
from ml.history import KnownHistory, group_panel, midnight
from ml.io import open_warehouse
from ml.issue import forecast_group, train_group
from ml.map import draw
from ml.measure import pool
from ml.methods import BASELINES, METHODS, OURS
from ml.panel import span
from ml.scoring import ScoredDay, score_live, score_rows
from ml.summary import ForecastSummary, GroupScore, ScoreSummary

Progress = Callable[[str, int, int], None]


def train(url: str, territory_code: str, day: date, groups: Sequence[str] | None = None) -> dict[str, str]:
    """Train and store one model per category group on what was known on the morning of ``day``.

    Args:
        url: ``postgresql+psycopg://`` address of the warehouse as role forecaster.
        territory_code: the city.
        day: local day that would be forecast.
        groups: category groups; None means every group with trainable incidents.

    Returns:
        {category_group: model_id}; groups whose forecast would be withheld are absent.

    Raises:
        InputError: the territory is unknown, has no cells, or the warehouse cannot be reached.
    """
    trained = {}
    with open_warehouse(url) as warehouse:
        city = City.read(warehouse, territory_code, day)
        for group in city.groups(groups):
            try:
                trained[group], _ = train_group(warehouse, city, group)
            except Abstention:
                continue
    return trained


def forecast(url: str, territory_code: str, day: date, groups: Sequence[str] | None = None) -> ForecastSummary:
    """Forecast local day ``day`` for every cell and write it to the warehouse.

    The newest model that has seen nothing later is used; it is trained first where there is none, or where it is older
    than 28 days. Where a forecast is withheld, ``ml.abstention`` says why.

    Args:
        url: ``postgresql+psycopg://`` address of the warehouse as role forecaster.
        territory_code: the city.
        day: local day to forecast.
        groups: category groups; None means every group with trainable incidents.

    Raises:
        InputError: the territory is unknown, has no cells, or the warehouse cannot be reached.
    """
    with open_warehouse(url) as warehouse:
        city = City.read(warehouse, territory_code, day)
        warehouse.ensure_forecast_partition(day)
        made = tuple(forecast_group(warehouse, city, group) for group in city.groups(groups))
    return ForecastSummary(territory_code, day, city.data_as_of, city.horizon_days, made)


def score(url: str, territory_code: str, day: date) -> ScoreSummary:
    """Score the stored forecast of local day ``day``, and every baseline as it would have been issued beside it.

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
        for (group,), issued in stored.group_by("category_group", maintain_order=True):
            rows = _score_group(city, str(group), issued, happened)
            changed += warehouse.replace(
                "forecast_score",
                score_rows(rows, territory_code, "live"),
                territory_code=territory_code,
                category_group=group,
                evaluation="live",
                forecast_date=(day, day),
            )
            scored += rows
    return ScoreSummary(territory_code, day, day, "live", _pooled(scored), skipped, changed)


def backtest(
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
        progress: called with (category group, days done, days in all).

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
                for made in roll(
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
    return ScoreSummary(territory_code, first_day, last_day, "backtest", _pooled(scored), skipped, changed)


def draw_map(url: str, territory_code: str, day: date, group: str, path: Path) -> Path:
    """Draw the stored forecast of a day as a PNG.

    Args:
        url: address of the warehouse as role forecaster.
        territory_code: the city.
        day: the local day that was forecast.
        group: category group.
        path: file to write.

    Raises:
        InputError: no such forecast is stored.
    """
    with open_warehouse(url) as warehouse:
        territory = warehouse.territory(territory_code)
        stored = warehouse.forecast(territory_code, day).filter(pl.col("category_group") == group)
        cells = warehouse.cells(territory_code)
    if stored.is_empty():
        raise InputError(
            f"{territory_code}/{group} {day}",
            came="no stored forecast",
            expected="one in ml.hotspot_forecast",
            todo=f"Run observatory-ml forecast --territory {territory_code} --day {day}.",
        )
    return draw(
        cells.join(stored, on="cell_id"),
        path,
        territory_name=territory.name,
        category_group=group,
        day=day,
        data_as_of=stored["data_as_of"][0],
        is_simulated=territory.is_simulated,
    )


def _score_group(city: City, group: str, issued: pl.DataFrame, happened: pl.DataFrame) -> list[ScoredDay]:
    expected = issued.filter(pl.col("cell_id").is_in(city.cells.cell_id))
    maps = pl.DataFrame({"cell_id": city.cells.cell_id}).join(expected, on="cell_id", how="left", maintain_order="left")
    horizon_days = issued["horizon_days"][0]
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
        model_id=issued["model_id"][0],
        horizon_days=horizon_days,
        data_as_of=issued["data_as_of"][0],
    )


def _pooled(scored: Sequence[ScoredDay]) -> tuple[GroupScore, ...]:
    together = defaultdict(list)
    for day in scored:
        together[day.group, day.method].append(day.score)
    return tuple(GroupScore.of(*key, pool(days)) for key, days in together.items())


def _is_over(happened: pl.DataFrame, day: date) -> bool:
    """Whether incidents of that day or a later one are known."""
    return bool((happened["occurred_date"] >= day).any())


def _check_days(territory_code: str, happened: pl.DataFrame, first_day: date, last_day: date) -> None:
    known = span(happened["occurred_date"])
    if known is None or not known[0] < first_day <= last_day <= known[1]:
        raise InputError(
            f"{territory_code} backtest {first_day}..{last_day}",
            came=f"incidents of {known[0]}..{known[1]}" if known else "no incident that may train a forecast",
            expected="days inside the data, the first before the last",
            todo="Choose other days, or extract and transform more history.",
        )
