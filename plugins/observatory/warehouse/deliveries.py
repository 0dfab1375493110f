"""The files that partners deliver, in ``ops``: by which load each was loaded, or why it was refused."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import dict_row

from observatory.warehouse.connection import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.errors import ObservatoryError
    from observatory.records.feed_window import LoadWindow
    from observatory.warehouse.transaction import Transaction


@dataclass(frozen=True)
class DeliveredFile:
    """A file in an inbox.

    Attributes:
        name: its name.
        received_at: when it was last written, UTC.
        sha256: hash of its bytes, hexadecimal.
        byte_count: its size.
    """

    name: str = ""
    received_at: datetime = datetime.min
    sha256: str = ""
    byte_count: int = 0


def record_delivery(load: Transaction, file: DeliveredFile) -> bool:
    """Record within a load that it contains the records of a file.

    Returns:
        False if an earlier load has committed them already. Loads of a feed run one at a time.
    """
    written = load.query(
        """
        insert into ops.delivery (
            territory_code, feed_id, file_name, received_at, sha256, byte_count, load_id
        )
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict do nothing
        returning file_name
        """,
        load.feed.territory_code,
        load.feed.feed_id,
        file.name,
        file.received_at,
        file.sha256,
        file.byte_count,
        load.load_id,
    )
    return not written.is_empty()


def record_refusal(url: sa.URL, feed: LoadWindow, file: DeliveredFile, error: ObservatoryError) -> None:
    """Record why a file was refused, without any of its content, for its sender."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute(
            """
            insert into ops.delivery_refusal (
                territory_code, feed_id, file_name, received_at, sha256, refused_at, error_type, found, expected
            )
            values (%s, %s, %s, %s, %s, clock_timestamp(), %s, %s, %s)
            """,
            [
                feed.territory_code,
                feed.feed_id,
                file.name,
                file.received_at,
                file.sha256,
                type(error).__name__,
                error.redacted or "it does not have the agreed form",
                error.expected,
            ],
        )


def names_with(url: sa.URL, territory_code: str, feed_id: str, sha256: str) -> list[str]:
    """Files of a feed with these bytes that were loaded, newest first."""
    with _reading(url) as connection:
        found = connection.execute(
            """
            select file_name from ops.delivery
            where territory_code = %s and feed_id = %s and sha256 = %s order by received_at desc
            """,
            [territory_code, feed_id, sha256],
        ).fetchall()
    return [row["file_name"] for row in found]


def status(url: sa.URL, territory_code: str, feed_id: str, stem: str, sha256: str) -> dict[str, Any] | None:
    """The state of a delivered file; None if it was neither loaded nor refused.

    Args:
        url: the warehouse, as role ``reader``.
        territory_code: the city.
        feed_id: the feed.
        stem: the file's name up to the first dot.
        sha256: hash of its bytes.

    Returns:
        ``state``, and for a loaded file ``loaded_at`` and the counts of its load; for a refused file ``refused_at``
        and, as ``refused``, what was found and what was expected.
    """
    chosen = [territory_code, feed_id, sha256, stem]
    with _reading(url) as connection:
        loaded = connection.execute(
            """
            select
                delivery.byte_count as bytes, load.loaded_at, load.read_count, load.accepted_count,
                load.rejected_count, load.unchanged_count, load.outside_count, load.corrected_count
            from ops.delivery
            inner join ops.load using (load_id)
            where delivery.territory_code = %s and delivery.feed_id = %s and delivery.sha256 = %s
                and split_part(delivery.file_name, '.', 1) = %s
            order by delivery.received_at desc limit 1
            """,
            chosen,
        ).fetchone()
        if loaded:
            return {"state": "loaded", **loaded, "loaded_at": loaded["loaded_at"].isoformat()}
        refused = connection.execute(
            """
            select refused_at, found, expected from ops.delivery_refusal
            where territory_code = %s and feed_id = %s and sha256 = %s and split_part(file_name, '.', 1) = %s
            order by refusal_id desc limit 1
            """,
            chosen,
        ).fetchone()
    if not refused:
        return None
    reason = (refused["found"], refused["expected"])
    return {"state": "refused", "refused_at": refused["refused_at"].isoformat(), "refused": reason}


def _reading(url: sa.URL) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(plain(url), connect_timeout=5, row_factory=dict_row)
