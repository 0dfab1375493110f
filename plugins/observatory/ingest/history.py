"""Backfills: find the windows of a city's history that are not loaded, and read them one after another.

A window is loaded completely or not at all, and its bounds are then in ``ops.load``. So a backfill that was stopped
continues with the windows that are missing there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from observatory.errors import ConventionNotLive, ObservatoryError, SecretMissing, SourceUnavailable, TerritoryError
from observatory.ingest import extract
from observatory.ingest.history_windows import windows_of_history
from observatory.records.feed_window import FeedWindow
from observatory.territory.city import corrected_for
from observatory.warehouse.journal import last_loads
from observatory.warehouse.load import close_history
from observatory.window import Window

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.territory.city import Territory
    from observatory.warehouse.load_result import LoadResult

FRESH = timedelta(days=1)
"""A load this recent counts even if the window may still change: it belongs to the same backfill, restarted."""
OF_THE_FEED = (ConventionNotLive, SecretMissing, TerritoryError)
"""Errors that every window of the feed would raise."""

FeedMonth = tuple[str, Window]


@dataclass(frozen=True)
class Perseverance:
    """How often to read a window whose source does not respond, in addition to the retries of single requests.

    Attributes:
        attempts: how often it is read; only once if the feed's previous window failed the same way.
        pause_s: wait between attempts, seconds.
        sleep: the function that waits.
    """

    attempts: int = 3
    pause_s: float = 30.0
    sleep: Callable[[float], object] = time.sleep


@dataclass(frozen=True)
class Outcome:
    """The outcome of one window: ``result`` if it was loaded, ``error`` if it failed."""

    feed_id: str
    window: Window
    seconds: float
    result: LoadResult | None = None
    error: ObservatoryError | None = None


def windows_to_read(
    url: sa.URL, territory: Territory, feed_ids: Collection[str], days: tuple[date, date], *, again: bool = False
) -> list[FeedMonth]:
    """The windows that a backfill reads: each month of each feed that is not loaded, oldest first.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        feed_ids: its feeds.
        days: first local day, and the first that is not read.
        again: whether to include windows that are loaded.
    """
    windows = windows_of_history(territory, feed_ids, *days)
    return windows if again else not_loaded(windows, territory, last_loads(url, territory.code), datetime.now(UTC))


def not_loaded(
    windows: Sequence[FeedMonth],
    territory: Territory,
    loads: Mapping[tuple[str, datetime, datetime], datetime],
    now: datetime,
) -> list[FeedMonth]:
    """Leave out the windows that are loaded.

    A window counts as loaded if a load with exactly its bounds was committed after its source stopped correcting it
    (its end plus the feed's ``correction_days``), or within the last day.

    Args:
        windows: feeds and windows.
        territory: the city; its feeds state how long their sources correct records.
        loads: feed and bounds of each loaded window, with the time of its last load.
        now: UTC.
    """

    def is_loaded(feed_id: str, window: Window) -> bool:
        loaded_at = loads.get((feed_id, window.start, window.end))
        settled_at = window.end + corrected_for(territory, feed_id)
        return loaded_at is not None and loaded_at >= min(settled_at, now - FRESH)

    return [(feed_id, window) for feed_id, window in windows if not is_loaded(feed_id, window)]


def read_history(
    url: sa.URL, territory: Territory, months: Iterable[FeedMonth], perseverance: Perseverance | None = None
) -> Iterator[Outcome]:
    """Extract windows in the given order; a window that fails does not stop the others.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        months: feeds and windows.
        perseverance: how often to read a window whose source does not respond.

    Yields:
        The outcome of each window, when it ends.
    """
    perseverance = perseverance or Perseverance()
    refused: dict[str, ObservatoryError] = {}
    for feed_id, window in months:
        started = time.monotonic()
        before = refused.get(feed_id)
        if isinstance(before, OF_THE_FEED):
            yield Outcome(feed_id, window, 0.0, error=before)
            continue
        tries = replace(perseverance, attempts=1) if isinstance(before, SourceUnavailable) else perseverance
        try:
            result = _extract(url, territory, feed_id, window, tries)
        except ObservatoryError as error:
            refused[feed_id] = error
            yield Outcome(feed_id, window, time.monotonic() - started, error=error)
        else:
            refused.pop(feed_id, None)
            yield Outcome(feed_id, window, time.monotonic() - started, result=result)


def close(url: sa.URL, territory: Territory, feed_ids: Collection[str], days: tuple[date, date]) -> int:
    """Close the records that no window lists any more, for each feed whose windows are all loaded.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        feed_ids: its feeds.
        days: first local day, and the first that is not read.

    Returns:
        How many records were closed.
    """
    loads, range_of_days = last_loads(url, territory.code), Window(*days, territory.timezone)
    closed = 0
    for feed_id in feed_ids:
        windows = windows_of_history(territory, [feed_id], *days)
        is_whole = all((feed_id, window.start, window.end) in loads for _, window in windows)
        if territory.feeds[feed_id].is_complete and is_whole:
            closed += close_history(url, FeedWindow.of(territory, feed_id, range_of_days))
    return closed


def _extract(url: sa.URL, territory: Territory, feed_id: str, window: Window, perseverance: Perseverance) -> LoadResult:
    for _ in range(perseverance.attempts - 1):
        try:
            return extract.extract(url, territory, feed_id, window, is_part_of_history=True)
        except SourceUnavailable:
            perseverance.sleep(perseverance.pause_s)
    return extract.extract(url, territory, feed_id, window, is_part_of_history=True)
