"""Scheduled runs of a feed: read one local day, or, for a live feed, everything since the last run."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from observatory.errors import ContractBroken
from observatory.ingest import extract as extraction
from observatory.ingest.windows import MOST_DAYS_LATE, completed_day, days_to_read, live_window, parts, window_of_day
from observatory.territory.city import corrected_for
from observatory.warehouse.journal import read_until
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window

if TYPE_CHECKING:
    from datetime import date, datetime

    import sqlalchemy as sa

    from observatory.territory.city import Territory

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What a run read.

    Attributes:
        window: the window that was read; None if there was nothing to read.
        result: the sums of the counts of its loads.
        completed_day: the local day that this run completed, if any.
    """

    window: Window | None
    result: LoadResult
    completed_day: date | None

    def __str__(self) -> str:
        """Window and counts in one line."""
        return f"{self.window}: {self.result}" if self.window else "already read up to the present"


def extract_day(url: sa.URL, territory: Territory, feed_id: str, day: date) -> Reading:
    """Read a complete local day of a feed, and the days before it that its source may still correct.

    Earlier days whose runs failed are caught up first, each with the window of its own run. If the records of such a
    day break their contract, the failure is journaled and the run continues.

    Raises:
        ObservatoryError: as ``observatory.ingest.extract.extract``.
    """
    last_window_end = read_until(url, territory.code, feed_id, _reach(territory, feed_id))
    *late, asked = (
        window_of_day(territory, feed_id, each) for each in days_to_read(territory, feed_id, day, last_window_end)
    )
    total = LoadResult()
    for window in late:
        try:
            total += extraction.extract(url, territory, feed_id, window)
        except ContractBroken as error:
            log.warning("%s", error)
    total += extraction.extract(url, territory, feed_id, asked)
    first_day = late[0].first_day if late else asked.first_day
    return Reading(Window(first_day, asked.end_day, territory.timezone), total, day)


def extract_until(url: sa.URL, territory: Territory, feed_id: str, now: datetime) -> Reading:
    """Read a feed from the end of its last load in the journal until ``now``.

    Each part of the window is a load of its own in the journal, so the next run continues where one failed. A part
    whose records break their contract does not stop the later ones. It is read again after them, so that the feed's
    last entry in the journal is the failure, and by every later run that searches the journal for gaps so far back.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        feed_id: one of its feeds.
        now: the present moment, with a time zone.

    Raises:
        ObservatoryError: as ``observatory.ingest.extract.extract``.
    """
    last_window_end = read_until(url, territory.code, feed_id, _reach(territory, feed_id))
    window = live_window(territory, feed_id, last_window_end, now)
    if window is None:
        return Reading(None, LoadResult(), None)
    extract = partial(extraction.extract, url, territory, feed_id, is_live=True)
    total, refused, error = LoadResult(), [], None
    for part in parts(territory, feed_id, window):
        try:
            total += extract(part)
            error = None
        except ContractBroken as broken:
            refused.append(part)
            error = broken
    if error:
        raise error
    for part in refused:
        total += extract(part)
    return Reading(window, total, completed_day(window, last_window_end))


def _reach(territory: Territory, feed_id: str) -> timedelta:
    """How far back the journal is searched for gaps."""
    return max(corrected_for(territory, feed_id), timedelta(days=MOST_DAYS_LATE))
