"""What tells one record from another: hashes of rows, and numbers among equal ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl
import polars_hash as plh

from observatory.contracts.base import UTC_TIME

if TYPE_CHECKING:
    pass


class Ordinals:
    """What is remembered of the chunks of one window: how often a record came, and when its like came last."""

    def __init__(self) -> None:
        self._seen = pl.DataFrame(schema={"row_hash": pl.Binary, "seen": pl.UInt32})
        self._last = pl.DataFrame(schema={"like": pl.String, "last": UTC_TIME})

    def number(self, row_hash: pl.Series) -> pl.Series:
        """Number the records of the next chunk among their equals: 1 for one not seen before, then 2, and so on.

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
        """Tell which records of the next chunk follow another of their like closely.

        Args:
            like: what is equal in records that tell of the same thing, shape (n,).
            moment: when each happened, UTC; a source lists later chunks later.
            within_s: how closely, seconds.

        Returns:
            True for all but the first of records each of which follows the one before it, shape (n,).
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
    """Hash the named columns of each row, the same in every run and with every version of polars.

    The encoding is version 1 of polars-hash's, which is promised not to change: it has the meaning of a value, not its
    storage, so a wider integer or a finer time unit changes nothing, and no two different rows are written alike.

    Args:
        frame: shape (n, any).
        columns: which columns, in which order; both count, their names do not.

    Returns:
        XXH3-128 digests, 16 bytes each (Binary), shape (n,).
    """
    digest = plh.hash_rows(*columns, version=1).nchash.xxh3_128(return_binary=True, byte_order="big")
    return frame.select(digest.alias("row_hash")).to_series()
