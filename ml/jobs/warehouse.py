"""Train, forecast, score and backtest against a warehouse: what the scheduler's tasks and the command line call.

A forecast for local day D is made with what was known at 05:00 local time on D. Every entry point is one transaction,
and the same input twice changes no row.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from ml.errors import Abstention, InputError
from ml.io import open_warehouse
from ml.jobs.forecasting import forecast_group, train_group
from ml.jobs.results import ForecastSummary
from ml.jobs.snapshot import City
from ml.report.map import draw


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
            found="no stored forecast",
            expected="one in ml.hotspot_forecast",
            action=f"Run observatory-ml forecast --territory {territory_code} --day {day}.",
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
