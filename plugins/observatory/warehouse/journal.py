"""The journal of loads: which windows were loaded, until when a feed has been read, and which windows failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg

from observatory.warehouse.connection import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.errors import ObservatoryError
    from observatory.records.feed_window import LoadWindow


def record_failure(url: sa.URL, feed: LoadWindow, error: ObservatoryError) -> None:
    """Record in ``ops.load_failure`` that a window failed, and why."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute(
            """
            insert into ops.load_failure (
                territory_code, feed_id, kind, window_start, window_end, failed_at, error_type, message
            )
            values (%s, %s, %s, %s, %s, clock_timestamp(), %s, %s)
            """,
            [
                feed.territory_code,
                feed.feed_id,
                feed.contract.name,
                feed.window.start,
                feed.window.end,
                type(error).__name__,
                str(error),
            ],
        )


def read_until(url: sa.URL, territory_code: str, feed_id: str, reach: timedelta) -> datetime | None:
    """Until when a feed has been read without a gap, from the journal of its loads.

    A window counts as read until its end, or until its load started if that was earlier. Only the last ``reach`` before
    the end of the newest window is searched; if there is a gap, the result is the start of the first one.

    Args:
        url: the warehouse, as role ``loader``.
        territory_code: the city.
        feed_id: one of its feeds.
        reach: how far back to search for a gap.

    Returns:
        The moment, UTC; None if the feed was never read.
    """
    with psycopg.connect(plain(url)) as connection:
        row = connection.execute(
            """
            with read as (
                select window_start as since, least(window_end, started_at) as until
                from ops.load
                where territory_code = %(territory_code)s and feed_id = %(feed_id)s
            ),

            recent as (
                select * from read where until > (select max(until) from read) - %(reach)s and until > since
            ),

            reached as (
                select
                    until,
                    since > max(until) over (
                        order by since, until rows between unbounded preceding and 1 preceding
                    ) as is_after_gap,
                    since
                from recent
            )

            select max(until)
            from reached
            where since < coalesce((select min(since) from reached where is_after_gap), 'infinity')
            """,
            {"territory_code": territory_code, "feed_id": feed_id, "reach": reach},
        ).fetchone()
    return row[0].astimezone(UTC) if row and row[0] else None


def last_loads(url: sa.URL, territory_code: str) -> dict[tuple[str, datetime, datetime], datetime]:
    """When each window of a city was last loaded, by feed, window start and window end."""
    with psycopg.connect(plain(url)) as connection:
        rows = connection.execute(
            """
            select feed_id, window_start, window_end, max(loaded_at) from ops.load
            where territory_code = %s group by feed_id, window_start, window_end
            """,
            [territory_code],
        )
        return {(feed_id, start, end): loaded_at for feed_id, start, end, loaded_at in rows}
