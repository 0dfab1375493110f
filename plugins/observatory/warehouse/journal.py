"""What the warehouse notes beside the records: the cities in use, what their feeds declare, the windows refused."""

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
    """Note in ``ops.load_failure`` that a window was refused, and why."""
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
    """Until when a feed has been read without a hole, from the journal of its loads.

    A window counts as read until its end, or until its load began where that was earlier. Holes are looked for in the
    last ``reach`` of what was read; where a day was read by hand after a gap, the answer is where the gap begins.

    Args:
        url: the warehouse, as role ``loader``.
        territory_code: the city.
        feed_id: one of its feeds.
        reach: how far back a hole is looked for.

    Returns:
        The moment, UTC; None where the feed was never read.
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
                    ) as is_after_hole,
                    since
                from recent
            )

            select max(until)
            from reached
            where since < coalesce((select min(since) from reached where is_after_hole), 'infinity')
            """,
            {"territory_code": territory_code, "feed_id": feed_id, "reach": reach},
        ).fetchone()
    return row[0].astimezone(UTC) if row and row[0] else None


def last_loads(url: sa.URL, territory_code: str) -> dict[tuple[str, datetime, datetime], datetime]:
    """When each window of a city was loaded last, by feed and the window's two ends."""
    with psycopg.connect(plain(url)) as connection:
        rows = connection.execute(
            """
            select feed_id, window_start, window_end, max(loaded_at) from ops.load
            where territory_code = %s group by feed_id, window_start, window_end
            """,
            [territory_code],
        )
        return {(feed_id, start, end): loaded_at for feed_id, start, end, loaded_at in rows}
