"""What the warehouse notes beside the records: the cities whose files are in use, and the windows that were refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from observatory.warehouse.connection import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.errors import ObservatoryError
    from observatory.territory import Territory
    from observatory.warehouse.load import FeedWindow


def record_failure(url: sa.URL, feed: FeedWindow, error: ObservatoryError) -> None:
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
                feed.kind.name,
                feed.window.start,
                feed.window.end,
                type(error).__name__,
                str(error),
            ],
        )


def record_territory(url: sa.URL, territory: Territory) -> None:
    """Write what the territory file says of the city; nothing happens when it is already there."""
    row = {
        "territory_code": territory.code,
        "territory_name": territory.name,
        "country_code": territory.country,
        "timezone": territory.timezone,
        "is_simulated": territory.is_simulated,
        "epsg": territory.grid.epsg,
        "cell_size_m": territory.grid.cell_size_m,
    }
    columns = [sql.Identifier(name) for name in row]
    statement = sql.SQL(
        "insert into raw.territory as t ({columns}) values ({values}) "
        "on conflict (territory_code) do update set {assignments} where row(t.*) is distinct from row(excluded.*)"
    ).format(
        columns=sql.SQL(", ").join(columns),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in columns),
    )
    with psycopg.connect(plain(url)) as connection:
        connection.execute(statement, list(row.values()))
