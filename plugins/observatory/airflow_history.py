"""What the tasks of a backfill do, with the warehouse as Airflow knows it."""

from __future__ import annotations

from datetime import date

from observatory import history, pipeline
from observatory.airflow_connection import warehouse_url
from observatory.portals import territory_in_use
from observatory.schedule import feeds_of_history
from observatory.territory import Territory
from observatory.window import Window


def months_to_read(territory: Territory, feeds: list[str], days: tuple[date, date], *, again: bool) -> list[list[str]]:
    """Feed, first day and end day of each window of a backfill that is not loaded, as texts that tasks can hand on."""
    feed_ids = feeds_of_history(territory, feeds)
    windows = history.windows_to_read(warehouse_url("loader"), territory, feed_ids, days, again=again)
    return [[feed_id, str(window.first_day), str(window.end_day)] for feed_id, window in windows]


def extract(territory: Territory, feed_id: str, days: tuple[date, date]) -> str:
    """Read one window of one feed of a city, from the portal that is in use for it."""
    window = Window(*days, territory.timezone)
    return str(pipeline.extract(warehouse_url("loader"), territory_in_use(territory.code), feed_id, window))
