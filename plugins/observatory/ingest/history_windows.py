"""The windows that a backfill reads."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

from observatory.errors import RangeError
from observatory.kinds import KINDS
from observatory.territory.city import Territory
from observatory.window import Window

BACKTEST_DAYS = 28


def asked_days(first_day: str, end_day: str) -> tuple[date, date]:
    """Parse the range of a backfill (ISO dates, half-open).

    Raises:
        RangeError: ``end_day`` is not after ``first_day``.
    """
    first, end = date.fromisoformat(first_day), date.fromisoformat(end_day)
    if end <= first:
        raise RangeError(
            "backfill",
            found=f"first_day {first} and end_day {end}",
            expected="an end_day after the first_day",
            action="Trigger it again with other days; end_day is the first day that is not read.",
        )
    return first, end


def feeds_of_history(territory: Territory, named: Collection[str] = ()) -> list[str]:
    """The feeds that a backfill reads, zones first: those named, or else every feed with a ``history_start``.

    Raises:
        RangeError: the city has no feed of a given name, or none is named and no feed has a ``history_start``.
    """
    unknown = [feed_id for feed_id in named if feed_id not in territory.feeds]
    chosen = [each for each, feed in territory.feeds.items() if (each in named if named else feed.history_start)]
    if unknown or not chosen:
        raise RangeError(
            f"{territory.code}.yml",
            found=f"no feed {', '.join(unknown)}" if unknown else "no feed has a `history_start`",
            expected=f"feeds of {', '.join(territory.feeds)}",
            action="Correct the names, or set `history_start` of the feeds in the file.",
        )
    return sorted(chosen, key=lambda feed_id: territory.feeds[feed_id].kind != "zone")


def windows_of_history(
    territory: Territory, feed_ids: Collection[str], first_day: date, end_day: date
) -> list[tuple[str, Window]]:
    """The windows of each feed in a backfill of ``[first_day, end_day)``: one a month, oldest first.

    A feed without a time column returns all its records at every read, so it has one window. No window begins before
    a feed's ``history_start``.
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
    """First and last day of the backtest at the end of a backfill."""
    return end_day - timedelta(days=BACKTEST_DAYS), end_day - timedelta(days=1)
