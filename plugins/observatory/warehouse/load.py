"""Load one window of one feed in one transaction: append new versions, and check that the counts balance.

The newest versions in the window are read once (key, version, hash) and compared with each chunk in polars, so that
only new versions are sent to the server, by binary COPY into the raw table. Loading the same records again writes
nothing. An advisory lock allows one load of a feed at a time, so the comparison holds until the commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.records.identity import row_hash
from observatory.warehouse.key_epochs import OlderKeys
from observatory.warehouse.transaction import (
    Transaction,
    duplicates,
    one_per_key,
    read,
    take_turn,
    transaction,
)
from observatory.warehouse.withdrawals import close_noted, withdraw_missing, withdraw_outside

if TYPE_CHECKING:
    import adbc_driver_postgresql.dbapi as adbc
    import sqlalchemy as sa

STATE = {
    "source_record_id": pl.String,
    "version_number": pl.Int32,
    "content_hash": pl.Binary,
    "is_withdrawn": pl.Boolean,
    "load_id": pl.Int64,
}


@dataclass
class Load(Transaction):
    """An open load; call ``add`` for each chunk within the ``with`` block of ``loading``."""

    known: pl.DataFrame
    feed_is_empty: bool
    listed: list[pl.Series] = field(default_factory=list)
    outside: list[pl.Series] = field(default_factory=list)
    older_keys: OlderKeys = field(default_factory=OlderKeys)

    def add(self, accepted: pl.DataFrame, rejected: pl.DataFrame, outside: pl.Series | None = None) -> pl.DataFrame:
        """Append the new and changed records of a chunk.

        Args:
            accepted: records that meet their contract; the columns of ``raw.<kind>`` without those the load adds.
            rejected: records that do not, with the columns of ``REJECTED``.
            outside: identifiers of records that are dropped because they are outside the city's bounds; earlier
                versions of these records are closed.

        Returns:
            All rejected records, including those that contradict another record with the same id.
        """
        hashed = accepted.with_columns(
            row_hash(accepted, list(self.feed.contract.content_columns)).alias("content_hash")
        )
        if self.feed.has_pseudonymous_key:
            hashed = self.older_keys.kept(hashed, self.known)
        fresh, contradicting = one_per_key(hashed)
        self._learn_moved(fresh)
        compared = fresh.join(
            self.known.rename({"content_hash": "known_hash"}), on="source_record_id", how="left", maintain_order="left"
        )
        same = (pl.col("known_hash") == pl.col("content_hash")) & ~pl.col("is_withdrawn")
        compared = compared.filter(~same.fill_null(value=False))
        twice = compared.filter((pl.col("load_id") == self.load_id).fill_null(value=False))
        changed = compared.filter((pl.col("load_id") != self.load_id).fill_null(value=True))
        self._mark_as_read(fresh)
        content = self.feed.contract.columns
        refused = pl.concat(
            [rejected.select(*REJECTED), duplicates(contradicting, content), duplicates(twice, content)]
        )

        outside = pl.Series(dtype=pl.String) if outside is None else outside
        self.outside.append(outside)
        self.result.read_count += accepted.height + rejected.height + outside.len()
        self.result.outside_count += outside.len()
        self.result.rejected_count += refused.height
        self.result.accepted_count += changed.height
        self.result.corrected_count += changed["known_hash"].count()
        self.result.unchanged_count += accepted.height - contradicting.height - compared.height
        if self.feed.is_complete:
            self.listed.extend([fresh["source_record_id"], rejected["source_record_id"], outside])
        self._append_versions(changed)
        self._append_rejected(refused)
        return refused

    def _mark_as_read(self, fresh: pl.DataFrame) -> None:
        """Mark these keys as read by this load, so that a contradicting record in a later chunk is rejected."""
        is_read = pl.col("source_record_id").is_in(fresh["source_record_id"].implode())
        load_id = pl.when(is_read).then(pl.lit(self.load_id, pl.Int64)).otherwise("load_id")
        self.known = self.known.with_columns(load_id=load_id)

    def _learn_moved(self, fresh: pl.DataFrame) -> None:
        """Look up keys that are new in the window: an earlier version of the record may lie in another window."""
        unknown = fresh.join(self.known, on="source_record_id", how="anti").select("source_record_id")
        if unknown.is_empty() or self.feed_is_empty:
            return
        self.stage("looked_up", unknown, "source_record_id text")
        found = self.query(
            f"""
            select newest.* from pg_temp.looked_up as k
            cross join lateral (
                select source_record_id, version_number, content_hash, is_withdrawn, load_id
                from raw.{self.feed.contract.name} as r
                where r.territory_code = $1 and r.feed_id = $2 and r.source_record_id = k.source_record_id
                order by version_number desc limit 1
            ) as newest
            """,  # noqa: S608
            self.feed.territory_code,
            self.feed.feed_id,
        )
        if found.height:
            self.known = pl.concat([self.known, found])

    def _append_versions(self, changed: pl.DataFrame) -> None:
        if changed.is_empty():
            return
        versions = (
            changed.drop("known_hash", "load_id", "is_withdrawn")
            .with_columns(
                pl.lit(self.feed.territory_code).alias("territory_code"),
                pl.lit(self.feed.feed_id).alias("feed_id"),
                (pl.col("version_number").fill_null(0) + 1).cast(pl.Int32).alias("version_number"),
                pl.lit(value=False).alias("is_withdrawn"),
                pl.lit(self.loaded_at).cast(pl.Datetime("us", "UTC")).alias("loaded_at"),
                pl.lit(self.load_id, pl.Int64).alias("load_id"),
            )
            .sort("source_record_id")
        )
        self._ingest(self.feed.contract.name, versions)
        news = versions.select(*STATE)
        self.known = pl.concat([self.known.join(news, on="source_record_id", how="anti"), news])

    def columns(self) -> list[str]:
        """Columns of the kind's table, in order."""
        names = self.query(
            "select column_name::text from information_schema.columns where table_schema = 'raw' and table_name = $1 "
            "order by ordinal_position",
            self.feed.contract.name,
        )
        return names["column_name"].to_list()


@contextmanager
def loading(url: sa.URL, feed: LoadWindow) -> Iterator[Load]:
    """Open a load; it is committed when the block ends, and rolled back if the block raises.

    Args:
        url: the warehouse, as role ``loader``.
        feed: the window to load.

    Raises:
        LoadOutOfBalance: the counts do not add up to the records read.
    """
    started_at = datetime.now(UTC)
    with transaction(url) as connection:
        load = _begin(connection, feed, started_at)
        yield load
        withdraw_outside(load)
        withdraw_missing(load)
        load._record()


def close_history(url: sa.URL, feed: LoadWindow) -> int:
    """Close the records that no window of a backfill lists any more, once all windows are loaded.

    Args:
        url: the warehouse, as role ``loader``.
        feed: the feed, with the range of the backfill as window.

    Returns:
        How many records were closed; if any, ``ops.load`` gets a row with ``read_count`` 0.
    """
    with transaction(url) as connection:
        load = _begin(connection, feed, datetime.now(UTC), is_known=False)
        close_noted(load)
        if load.result.withdrawn_count:
            load._record()
    return load.result.withdrawn_count


def _begin(connection: adbc.Connection, feed: LoadWindow, started_at: datetime, *, is_known: bool = True) -> Load:
    load_id, loaded_at = take_turn(connection, feed)
    is_empty = read(
        connection,
        f"""
        select not exists (
            select from raw.{feed.contract.name} where territory_code = $1 and feed_id = $2
        ) as is_empty
        """,  # noqa: S608
        feed.territory_code,
        feed.feed_id,
    ).item()
    known = _known_in_window(connection, feed) if is_known and not is_empty else pl.DataFrame(schema=STATE)
    return Load(feed, connection, load_id, loaded_at, started_at, known, is_empty)


def _known_in_window(connection: adbc.Connection, feed: LoadWindow) -> pl.DataFrame:
    """The newest version of each record in the window; for kinds without a time column, of every record."""
    table, time_column = f"raw.{feed.contract.name}", feed.contract.kind.time_column
    in_window = f"and v.{time_column} >= $3 and v.{time_column} < $4" if time_column else ""
    # a correlated subquery, not a join: until the table has statistics, minutes after its first load, the planner
    # would choose a nested loop over all pairs of records for the join
    return read(
        connection,
        f"""
        select v.source_record_id, v.version_number, v.content_hash, v.is_withdrawn, v.load_id
        from {table} as v
        where v.territory_code = $1 and v.feed_id = $2 {in_window}
            and v.version_number = (
                select max(newest.version_number) from {table} as newest
                where newest.territory_code = $1 and newest.feed_id = $2
                    and newest.source_record_id = v.source_record_id
            )
        """,  # noqa: S608
        feed.territory_code,
        feed.feed_id,
        *((feed.window.start, feed.window.end) if time_column else ()),
    )
