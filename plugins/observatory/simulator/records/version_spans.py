"""Versions of records: changed later, listed twice."""

from __future__ import annotations

import polars as pl

from observatory.simulator.world.draws import Keys
from observatory.simulator.world.occurrences import chance


def twice(rows: pl.DataFrame, key: Keys, share: float) -> pl.DataFrame:
    """List the share of the rows a second time, with the same content.

    Args:
        rows: (n,) versions.
        key: (n,) keys.
        share: of rows, 0 to 1.
    """
    return pl.concat([rows, rows.filter(pl.Series(chance(key, "listed twice", share)))])


def spans(*changes: tuple[pl.DataFrame, pl.Series]) -> pl.DataFrame:
    """Combine versions of the same records: each is shown until the next version of its record.

    Args:
        changes: rows and when each is first shown (UTC; null if a record has no such version), in order of time.
    """
    parts = [rows.with_columns(shown_from=since).filter(since.is_not_null()) for rows, since in changes]
    following = pl.col("shown_from").shift(-1).over("source_record_id", order_by="shown_from")
    return pl.concat(parts).with_columns(shown_until=following).sort("source_record_id", "shown_from")
