"""What the warehouse notes of the files that partners send: taken by which load, or refused and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from observatory.warehouse.connection import plain

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from observatory.errors import ObservatoryError
    from observatory.inbox import Taken
    from observatory.warehouse.load import FeedWindow, Load


def record_taken(load: Load, name: str, received_at: datetime, sha256: str, byte_count: int) -> bool:
    """Note within a load that it holds the records of a file.

    Returns:
        Whether that was new; False where another load has committed them. Loads of a feed run one at a time.
    """
    written = load.query(
        """
        insert into ops.delivery (
            territory_code, feed_id, delivery_name, received_at, sha256, byte_count, load_id
        )
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict do nothing
        returning delivery_name
        """,
        load.feed.territory_code,
        load.feed.feed_id,
        name,
        received_at,
        sha256,
        byte_count,
        load.load_id,
    )
    return not written.is_empty()


def record_refusal(url: sa.URL, feed: FeedWindow, taken: Taken, error: ObservatoryError) -> None:
    """Note why a file was refused, in words that its sender may read."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute(
            """
            insert into ops.delivery_refusal (
                territory_code, feed_id, delivery_name, received_at, sha256, refused_at, error_type, came, expected
            )
            values (%s, %s, %s, %s, %s, clock_timestamp(), %s, %s, %s)
            """,
            [
                feed.territory_code,
                feed.feed_id,
                taken.name,
                taken.received_at,
                taken.sha256,
                type(error).__name__,
                error.told or "it is not what was agreed",
                error.expected,
            ],
        )
