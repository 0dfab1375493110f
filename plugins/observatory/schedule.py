"""Which feeds a day waits for, which local days a daily run reads and rebuilds, and what a run of a live feed reads.

Airflow reads this at every parse of the schedules, so imports stay light.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from observatory.contracts import KINDS
from observatory.errors import RangeError
from observatory.territory import Territory
from observatory.window import Window, local_midnight

BACKTEST_DAYS = 28
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


def corrected_for(territory: Territory, feed_id: str) -> timedelta:
    """How long a feed still changes what it has published."""
    feed = territory.feeds[feed_id]
    # a contract is heavy, and is looked into only where the file says nothing
    days = KINDS[feed.kind].correction_days if feed.correction_days is None else feed.correction_days
    return timedelta(days=days)


def cron(territory: Territory, feed_id: str) -> str:
    """When a feed is read, as a cron expression in the city's local time."""
    cadence_min = territory.feeds[feed_id].cadence_min
    if cadence_min is None:
        return territory.schedule
    hours, minutes = divmod(cadence_min, 60)
    if hours and not minutes:
        return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"
    return f"*/{cadence_min} * * * *" if cadence_min < 60 else f"0 */{hours} * * *"


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


def rebuilt_window(territory: Territory, day: date) -> Window:
    """What the transform of a daily run rebuilds: every day that one of its incident feeds reads for this day.

    Days made up for after an outage that was longer than the feed corrects itself want a build of their own.
    """
    windows = [window_of_day(territory, feed_id, day) for feed_id in incident_feeds(territory)]
    return min(windows, key=lambda window: window.first_day)


def incident_feeds(territory: Territory) -> list[str]:
    """The feeds a day must have before it is transformed and forecast."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "incident"]


def inboxes(territory: Territory) -> list[str]:
    """The feeds that partners send, which nobody is asked for."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.source.is_inbox]


def zone_feeds(territory: Territory) -> list[str]:
    """The feeds that say where the city and its districts are."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "zone"]


def asked_days(first_day: str, end_day: str) -> tuple[date, date]:
    """The range of a backfill, from its two parameters (ISO dates, half-open).

    Raises:
        RangeError: the second is not after the first.
    """
    first, end = date.fromisoformat(first_day), date.fromisoformat(end_day)
    if end <= first:
        raise RangeError(
            "backfill",
            came=f"first_day {first} and end_day {end}",
            expected="an end_day after the first_day",
            todo="Trigger it again; end_day is the first day that is not read.",
        )
    return first, end


def feeds_of_history(territory: Territory, named: Collection[str] = ()) -> list[str]:
    """The feeds that a backfill reads, zones first: those named, or every one with a ``history_start``.

    Raises:
        RangeError: one of those named is not the city's, or none is named and none has a ``history_start``.
    """
    unknown = [feed_id for feed_id in named if feed_id not in territory.feeds]
    chosen = [each for each, feed in territory.feeds.items() if (each in named if named else feed.history_start)]
    if unknown or not chosen:
        raise RangeError(
            f"{territory.code}.yml",
            came=f"no feed {', '.join(unknown)}" if unknown else "no feed has a `history_start`",
            expected=f"feeds of {', '.join(territory.feeds)}",
            todo="Correct the names, or say in the file since when a feed has records.",
        )
    return sorted(chosen, key=lambda feed_id: territory.feeds[feed_id].kind != "zone")


def windows_of_history(
    territory: Territory, feed_ids: Collection[str], first_day: date, end_day: date
) -> list[tuple[str, Window]]:
    """What a backfill of ``[first_day, end_day)`` reads of each feed: a month at a time, oldest first.

    A feed whose records have no time lists all of them whenever it is asked, so it is read once. Nothing is asked for
    before a feed's ``history_start``.
    """
    windows = []
    for feed_id in feed_ids:
        feed = territory.feeds[feed_id]
        since = max(first_day, feed.history_start or first_day)
        if KINDS[feed.kind].time_column is None:
            windows.append((feed_id, Window(first_day, end_day, territory.timezone)))
        elif since < end_day:
            windows += [(feed_id, month) for month in Window(since, end_day, territory.timezone).months()]
    return windows


def backtest_days(end_day: date) -> tuple[date, date]:
    """First and last day of the backtest with which a backfill ends."""
    return end_day - timedelta(days=BACKTEST_DAYS), end_day - timedelta(days=1)
