"""``observatory extract``: read one feed without Airflow."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from observatory.commands import options
from observatory.errors import RangeError

if TYPE_CHECKING:
    from observatory.ingest.runs import Reading


def extract(
    territory: options.City,
    feed: options.Feed,
    day: Annotated[datetime | None, typer.Option(formats=options.DAY, help="A local day to read.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=options.MOMENT, help="First moment to read, in local time.")
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=options.MOMENT, help="First moment not to read, in local time."),
    ] = None,
) -> None:
    """Read one feed by hand.

    A day, a span of time, or, without either, everything new up to now.
    """
    if (since is None) != (until is None) or (day and since) or (since and until and until <= since):
        raise typer.BadParameter("give --day, or --since and a later --until, or neither")
    reading = read_feed(territory, feed, options.as_date(day), since, until)
    options.console().print(str(reading), highlight=False, soft_wrap=True)


def read_feed(
    territory_code: str, feed_id: str, day: date | None, since: datetime | None, until: datetime | None
) -> Reading:
    """Read a feed without Airflow: a day, a span of time, or everything new up to now.

    Args:
        territory_code: the city.
        feed_id: one of its feeds.
        day: a local day to read, and nothing else.
        since: first moment to read, in the city's local time, without a time zone.
        until: first moment not to read.

    Raises:
        RangeError: the city has no such feed.
        ObservatoryError: as ``observatory.ingest.extract.extract``.
    """
    from observatory.ingest import extract as ingest
    from observatory.ingest.runs import Reading, extract_until
    from observatory.warehouse.connection import role_url
    from observatory.warehouse.territory_state import clock, effective_territory
    from observatory.window import Window

    url, territory = role_url("loader"), effective_territory(territory_code)
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
    return Reading(window, ingest.extract(url, territory, feed_id, window), None)
