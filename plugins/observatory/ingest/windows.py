"""The windows that scheduled runs read: local days for a daily run, the time since the last run for a live feed.

DAG files import this module every minute, so it imports no heavy library.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from observatory.kinds import KINDS
from observatory.territory.city import Territory, corrected_for
from observatory.window import Window, local_midnight

LEAST_OVERLAP = timedelta(minutes=15)
MOST_OVERLAP = timedelta(hours=2)
MOST_DAYS_LATE = 31
"""How many missed days a run catches up on, and how far back gaps are searched for at least; a backfill reads more."""


def window_of_day(territory: Territory, feed_id: str, day: date) -> Window:
    """The window of a daily run: the day, and the days before it that the source may still correct."""
    back = corrected_for(territory, feed_id)
    return Window(day - back, day + timedelta(days=1), territory.timezone)


def days_to_read(territory: Territory, feed_id: str, day: date, last_window_end: datetime | None) -> list[date]:
    """The day of a daily run, preceded by the missed days to catch up on, oldest first.

    Args:
        territory: the city.
        feed_id: one of its feeds; one without a time column needs no catch-up, since every read returns all records.
        day: the local day.
        last_window_end: until when the feed has been read; None if it never was. Of the missed days, the last
            ``MOST_DAYS_LATE`` are read; more need a backfill.
    """
    late = 0
    if last_window_end is not None and KINDS[territory.feeds[feed_id].kind].time_column:
        late = (day - last_window_end.astimezone(ZoneInfo(territory.timezone)).date()).days
    return [day - timedelta(days=ago) for ago in range(min(max(late, 0), MOST_DAYS_LATE), -1, -1)]


def overlap(territory: Territory, feed_id: str) -> timedelta:
    """How much of the previous run's window a live run reads again.

    The feed's ``publication_lag_hours``, but at least 15 minutes and at most two hours; records that are published
    later than that are read by the first run of the next day.
    """
    lag = timedelta(hours=territory.feeds[feed_id].publication_lag_hours)
    return min(max(lag, LEAST_OVERLAP), MOST_OVERLAP)


def live_window(territory: Territory, feed_id: str, last_window_end: datetime | None, now: datetime) -> Window | None:
    """The window of a live run: from a little before the end of the last load until now.

    The first run of a local day begins ``correction_days`` before the last day that was read, to include what the
    source has corrected meanwhile. The first run ever begins ``correction_days`` before today.

    Args:
        territory: the city.
        feed_id: one of its feeds.
        last_window_end: until when the feed has been read (``observatory.warehouse.journal.read_until``); None if it
            never was.
        now: the present moment, with a time zone.

    Returns:
        The window; None if the feed has already been read up to now.
    """
    if last_window_end is not None and last_window_end >= now:
        return None
    zone = ZoneInfo(territory.timezone)
    read_day = (last_window_end or now).astimezone(zone).date()
    corrected = local_midnight(read_day - corrected_for(territory, feed_id), territory.timezone)
    since = (now if last_window_end is None else last_window_end) - overlap(territory, feed_id)
    if last_window_end is None or read_day < now.astimezone(zone).date():
        since = min(since, corrected)
    return Window.between(since, now, territory.timezone)


def parts(territory: Territory, feed_id: str, window: Window) -> Iterator[Window]:
    """Cut a window that is longer than that of an ordinary run into local days, oldest first."""
    ordinary = corrected_for(territory, feed_id).days + 2
    if (window.end_day - window.first_day).days <= ordinary:
        yield window
    else:
        yield from window.days()


def completed_day(window: Window, last_window_end: datetime | None) -> date | None:
    """Yesterday, if this live run is the first after its end, so that the day is now complete; None otherwise."""
    zone = ZoneInfo(window.timezone)
    today = window.end.astimezone(zone).date()
    is_first = last_window_end is None or last_window_end.astimezone(zone).date() < today
    return today - timedelta(days=1) if is_first else None
