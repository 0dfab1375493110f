"""From a chunk of a feed's rows to checked records."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from observatory.contracts import KINDS
from observatory.records.check import Checked, check_records
from observatory.records.conform import conform_rows
from observatory.records.identity import Ordinals
from observatory.records.minimise import at_the_door

if TYPE_CHECKING:
    import polars as pl

    from observatory.territory.city import Territory


def admit(rows: pl.DataFrame, territory: Territory, feed_id: str, ordinals: Ordinals) -> Checked:
    """Take a chunk of a feed's rows through the door, conform it and divide it; the one way into the warehouse.

    Args:
        rows: the chunk as the feed delivered it, shape (n, any).
        territory: the city.
        feed_id: one of its feeds.
        ordinals: the same object for all chunks of one window.
    """
    feed = territory.feeds[feed_id]
    rows = at_the_door(KINDS[feed.kind], rows, territory, feed)
    return check(rows, conform(rows, territory, feed_id, ordinals), territory, feed_id)


def conform(rows: pl.DataFrame, territory: Territory, feed_id: str, ordinals: Ordinals | None = None) -> pl.DataFrame:
    """Turn a chunk of a feed's rows into records of its kind; row i is made of row i.

    Args:
        rows: the chunk as the feed delivered it, shape (n, any).
        territory: the city.
        feed_id: one of its feeds.
        ordinals: the same object for all chunks of one window, so that equal rows without identifiers are told apart.

    Returns:
        The kind's columns and ``unusable_column``; nothing is left out, ``check`` decides.
    """
    feed = territory.feeds[feed_id]
    ordinals, read_at = ordinals or Ordinals(), datetime.now(UTC)
    return conform_rows(KINDS[feed.kind], rows, territory, feed, ordinals=ordinals, read_at=read_at)


def check(rows: pl.DataFrame, conformed: pl.DataFrame, territory: Territory, feed_id: str) -> Checked:
    """Divide a chunk into accepted and rejected records.

    Args:
        rows: the chunk as the feed delivered it.
        conformed: what ``conform`` made of it.
        territory: the city.
        feed_id: one of its feeds.
    """
    feed = territory.feeds[feed_id]
    return check_records(KINDS[feed.kind], rows, conformed, territory, feed)
