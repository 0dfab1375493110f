"""Which feeds a day waits for, and which local days a daily run reads and rebuilds.

Airflow reads this at every parse of the schedules, so imports stay light.
"""

from __future__ import annotations

from datetime import date, timedelta

from observatory.territory import Territory
from observatory.window import Window


def window_of_day(territory: Territory, feed_id: str, day: date) -> Window:
    """What a daily run reads: the day, and as far back before it as the feed corrects itself."""
    feed = territory.feeds[feed_id]
    return Window(day - timedelta(days=feed.correction_days), day + timedelta(days=1), territory.timezone)


def rebuilt_window(territory: Territory, day: date) -> Window:
    """What the transform of a daily run rebuilds: every day that one of its incident feeds read."""
    windows = [window_of_day(territory, feed_id, day) for feed_id in incident_feeds(territory)]
    return min(windows, key=lambda window: window.first_day)


def incident_feeds(territory: Territory) -> list[str]:
    """The feeds a day must have before it is transformed and forecast."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "incident"]


def zone_feeds(territory: Territory) -> list[str]:
    """The feeds that say where the city and its districts are."""
    return [feed_id for feed_id, feed in territory.feeds.items() if feed.kind == "zone"]
