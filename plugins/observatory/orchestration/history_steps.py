"""The tasks of a backfill. Heavy libraries are imported when a task runs, since DAG files import this module."""

from __future__ import annotations

from datetime import date

from observatory.ingest.history_windows import feeds_of_history
from observatory.territory.city import Territory, zone_feeds
from observatory.warehouse.territory_state import effective_territory
from observatory.window import Window


def months_to_read(territory: Territory, feeds: list[str], days: tuple[date, date], *, again: bool) -> list[list[str]]:
    """Feed, first day and end day (ISO dates) of each window of a backfill that is still to be read."""
    from observatory.ingest import history
    from observatory.orchestration.connections import warehouse_url

    feed_ids = feeds_of_history(territory, feeds)
    windows = history.windows_to_read(warehouse_url("loader"), territory, feed_ids, days, again=again)
    return [[feed_id, str(window.first_day), str(window.end_day)] for feed_id, window in windows]


def extract(territory: Territory, feed_id: str, days: tuple[date, date]) -> str:
    """Read one window of one feed, with the overrides of the city that are in effect; returns the counts as text."""
    from observatory.ingest import extract as extraction
    from observatory.orchestration.connections import warehouse_url

    url, city, window = warehouse_url("loader"), effective_territory(territory.code), Window(*days, territory.timezone)
    return str(extraction.extract(url, city, feed_id, window, is_part_of_history=True))


def extract_zones(territory: Territory, days: tuple[date, date]) -> None:
    """Read the city's zones, which the grid and the records' districts are made from."""
    for feed_id in zone_feeds(territory):
        extract(territory, feed_id, days)


def close(territory: Territory, feeds: list[str], days: tuple[date, date]) -> int:
    """Close the records that no window lists any more; returns how many."""
    from observatory.ingest import history
    from observatory.orchestration.connections import warehouse_url

    return history.close(warehouse_url("loader"), territory, feeds_of_history(territory, feeds), days)
