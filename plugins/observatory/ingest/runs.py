"""What a run of a feed reads: a day that was asked for, or, of a live feed, whatever was not read yet until now."""

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
from observatory.warehouse.transaction import LoadResult
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
        window: what it read, whole; None where there was nothing to read.
        result: the counts of its loads, added up.
        completed_day: the local day that is now read whole, and was not before, if any.
    """

    window: Window | None
    result: LoadResult
    completed_day: date | None

    def __str__(self) -> str:
        """Window and counts in one line."""
        return f"{self.window}: {self.result}" if self.window else "read until now already"


def extract_day(url: sa.URL, territory: Territory, feed_id: str, day: date) -> Reading:
    """Read a whole local day of a feed, and as far back before it as the feed corrects itself.

    Days just before it that were not read, since their runs failed, are read first, each as its own run would have. One
    whose records break their contract, which the journal tells, does not hold up the day.

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
    """Read a feed from where the journal says that it was last read until ``now``.

    Each part of the window is loaded, and noted in the journal, by itself: the next run carries on where one failed. A
    part whose records break their contract does not hold up those after it. It is tried again after them, so that the
    last that the journal says of the feed is that it fails; and by every run, for as long as the journal is searched
    for holes.

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
    """How far back the journal is searched for holes."""
    return max(corrected_for(territory, feed_id), timedelta(days=MOST_DAYS_LATE))
