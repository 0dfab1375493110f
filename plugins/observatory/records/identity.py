"""Identity of records: hashes of rows, and numbers of equal rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl
import polars_hash as plh

from observatory.contracts.base import UTC_TIME

if TYPE_CHECKING:
    pass


class Ordinals:
    """State across the chunks of one window: how often each row occurred, and when each group of records did last."""

    def __init__(self) -> None:
        self._seen = pl.DataFrame(schema={"row_hash": pl.Binary, "seen": pl.UInt32})
        self._last = pl.DataFrame(schema={"like": pl.String, "last": UTC_TIME})

    def number(self, row_hash: pl.Series) -> pl.Series:
        """Number equal records of the next chunk: 1 for the first in the window, 2 for the second, and so on.

        Args:
            row_hash: hashes of the records, shape (n,).

        Returns:
            Numbers, shape (n,).
        """
        chunk = row_hash.to_frame("row_hash")
        among_equals = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("row_hash")
        numbered = chunk.select("row_hash", among_equals.alias("here"))
        known = numbered.join(self._seen, on="row_hash", how="left", maintain_order="left")
        counts = chunk.group_by("row_hash").agg(pl.len().cast(pl.UInt32).alias("seen"))
        self._seen = pl.concat([self._seen, counts]).group_by("row_hash").agg(pl.col("seen").sum())
        return known.select((pl.col("here") + pl.col("seen").fill_null(0)).alias("ordinal")).to_series()

    def repeats(self, like: pl.Series, moment: pl.Series, within_s: int) -> pl.Series:
        """Find the records of the next chunk that follow another record of the same group closely.

        Args:
            like: the group of each record; equal for reports of the same event, shape (n,).
            moment: when each happened, UTC; later chunks have later times.
            within_s: the longest gap to the previous record of the group, seconds.

        Returns:
            True for records that are at most ``within_s`` after the previous one of their group, shape (n,).
        """
        chunk = pl.DataFrame({"like": like, "moment": moment})
        chunk = chunk.join(self._last, on="like", how="left", maintain_order="left")
        before = pl.col("moment").shift(1).over("like", order_by="moment")
        since = pl.col("moment") - pl.coalesce(before, pl.col("last"))
        is_repeat = since.is_between(pl.duration(), pl.duration(seconds=within_s)).fill_null(value=False)
        newest = chunk.group_by("like").agg(pl.col("moment").max().alias("last"))
        self._last = pl.concat([self._last, newest]).group_by("like").agg(pl.col("last").max())
        return chunk.select(is_repeat.alias("is_repeat")).to_series()


def row_hash(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Hash the given columns of each row, identically in every run and with every version of polars.

    The encoding is polars-hash's version 1, which is guaranteed stable. It encodes the value, not its storage, so a
    wider integer or a finer time unit does not change the hash, and different rows have different encodings.

    Args:
        frame: shape (n, any).
        columns: the columns; their order matters, their names do not.

    Returns:
        XXH3-128 digests, 16 bytes each (Binary), shape (n,).
    """
    digest = plh.hash_rows(*columns, version=1).nchash.xxh3_128(return_binary=True, byte_order="big")
    return frame.select(digest.alias("row_hash")).to_series()
