"""``observatory extract``: read a feed by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from observatory.errors import RangeError
from observatory.ingest import extract as extraction
from observatory.ingest.runs import Reading, extract_until
from observatory.territory.overrides import clock, territory_in_use
from observatory.warehouse.connection import role_url
from observatory.window import Window

if TYPE_CHECKING:
    from datetime import date, datetime


def by_hand(
    territory_code: str, feed_id: str, day: date | None, since: datetime | None, until: datetime | None
) -> Reading:
    """Read a feed without Airflow: a day, a span of moments, or whatever was not read yet until now.

    Args:
        territory_code: the city.
        feed_id: one of its feeds.
        day: a local day to read whole, and no other.
        since: the first moment to read, in the city's local time, without a zone.
        until: the first moment not to.

    Raises:
        RangeError: the city has no such feed.
        ObservatoryError: as ``observatory.ingest.extract.extract``.
    """
    url, territory = role_url("loader"), territory_in_use(territory_code)
    if feed_id not in territory.feeds:
        raise RangeError(
            f"{territory_code}.yml",
            found=f"no feed {feed_id}",
            expected=f"one of {', '.join(territory.feeds)}",
            action="Correct the name.",
        )
    if day:
        window = Window.of_day(day, territory.timezone)
    elif since and until:
        zone = ZoneInfo(territory.timezone)
        window = Window.between(since.replace(tzinfo=zone), until.replace(tzinfo=zone), territory.timezone)
    else:
        return extract_until(url, territory, feed_id, clock(territory))
    return Reading(window, extraction.extract(url, territory, feed_id, window), None)
