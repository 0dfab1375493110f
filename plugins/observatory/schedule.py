"""Which feeds a day waits for, and which local days a daily run reads and rebuilds.

Airflow reads this at every parse of the schedules, so imports stay light.
"""

from __future__ import annotations

from datetime import date, timedelta

from observatory.contracts import KINDS
from observatory.errors import RangeError
from observatory.territory import Territory
from observatory.window import Window

BACKTEST_DAYS = 28


def window_of_day(territory: Territory, feed_id: str, day: date) -> Window:
    """What a daily run reads: the day, and as far back before it as the feed corrects itself."""
    feed = territory.feeds[feed_id]
    # a contract is heavy, and is looked into only where the file says nothing
    back = KINDS[feed.kind].correction_days if feed.correction_days is None else feed.correction_days
    return Window(day - timedelta(days=back), day + timedelta(days=1), territory.timezone)


def rebuilt_window(territory: Territory, day: date) -> Window:
    """What the transform of a daily run rebuilds: every day that one of its incident feeds read."""
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


def monthly_windows(territory: Territory, first_day: date, end_day: date) -> list[tuple[str, Window]]:
    """What a backfill of ``[first_day, end_day)`` reads: every incident feed, a month at a time, oldest first."""
    months = list(Window(first_day, end_day, territory.timezone).months())
    return [(feed_id, month) for feed_id in incident_feeds(territory) for month in months]


def backtest_days(end_day: date) -> tuple[date, date]:
    """First and last day of the backtest with which a backfill ends."""
    return end_day - timedelta(days=BACKTEST_DAYS), end_day - timedelta(days=1)
