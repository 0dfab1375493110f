"""Which feeds a day waits for, which local days a daily run reads and rebuilds, and what a run of a live feed reads.

Airflow reads this at every parse of the schedules, so imports stay light.
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
"""How many missed days a run makes up for, and how far back holes are searched for at least; more are a backfill's."""


def window_of_day(territory: Territory, feed_id: str, day: date) -> Window:
    """What a daily run reads: the day, and as far back before it as the feed corrects itself."""
    back = corrected_for(territory, feed_id)
    return Window(day - back, day + timedelta(days=1), territory.timezone)


def days_to_read(territory: Territory, feed_id: str, day: date, last_window_end: datetime | None) -> list[date]:
    """The day that a daily run is for, and those before it that were not read, oldest first.

    Args:
        territory: the city.
        feed_id: one of its feeds; one whose records have no time lists all of them whenever it is asked.
        day: the local day.
        last_window_end: until when the feed has been read; None where it never was. Of the days since, the last
            ``MOST_DAYS_LATE`` are read; more are a backfill's to read.
    """
    late = 0
    if last_window_end is not None and KINDS[territory.feeds[feed_id].kind].time_column:
        late = (day - last_window_end.astimezone(ZoneInfo(territory.timezone)).date()).days
    return [day - timedelta(days=ago) for ago in range(min(max(late, 0), MOST_DAYS_LATE), -1, -1)]


def overlap(territory: Territory, feed_id: str) -> timedelta:
    """How much of what the last run read the next one reads again.

    The lag that the feed declares, ``publication_lag_hours``, but not less than a quarter of an hour nor more than two
    hours; what a source publishes later than that arrives with the first run of the next day.
    """
    lag = timedelta(hours=territory.feeds[feed_id].publication_lag_hours)
    return min(max(lag, LEAST_OVERLAP), MOST_OVERLAP)


def live_window(territory: Territory, feed_id: str, last_window_end: datetime | None, now: datetime) -> Window | None:
    """What a run of a live feed reads: everything since the last load, and a little before it, until now.

    The first run of a local day reads whatever may have been corrected since the first run of the last day that was
    read: from as far before that day as the feed corrects itself. The first run ever goes so far back from today.

    Args:
        territory: the city.
        feed_id: one of its feeds.
        last_window_end: until when the feed has been read (``observatory.warehouse.journal.read_until``); None where
            it never was.
        now: the present moment, with a time zone.

    Returns:
        The window; None where the feed has been read until now already.
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
    """Cut a window that is longer than a run's ordinary one into its local days, oldest first."""
    ordinary = corrected_for(territory, feed_id).days + 2
    if (window.end_day - window.first_day).days <= ordinary:
        yield window
    else:
        yield from window.days()


def completed_day(window: Window, last_window_end: datetime | None) -> date | None:
    """The local day before today, where a live run is the first that could read it whole; None where it is not."""
    zone = ZoneInfo(window.timezone)
    today = window.end.astimezone(zone).date()
    is_first = last_window_end is None or last_window_end.astimezone(zone).date() < today
    return today - timedelta(days=1) if is_first else None
