"""Load one window of one feed: one ADBC connection, one transaction, versions appended, counts that balance.

What the warehouse knows of the window is read once (key, version, hash) and compared with each chunk as columns, so
that only new versions travel to the server, by binary COPY straight into the raw table: data moves once, and an
unchanged reload writes nothing. An advisory lock lets one load of a feed run at a time, so the comparison holds until
the commit.
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
from observatory.warehouse.withdrawals import close_noted, withdraw_missing

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
    """An open load; ``add`` chunks, in any number, before the ``with`` block of ``loading`` ends."""

    known: pl.DataFrame
    feed_is_empty: bool
    listed: list[pl.Series] = field(default_factory=list)
    older_keys: OlderKeys = field(default_factory=OlderKeys)

    def add(self, accepted: pl.DataFrame, rejected: pl.DataFrame) -> pl.DataFrame:
        """Append what is new of a chunk.

        Args:
            accepted: records that kept their contract; the columns of ``raw.<kind>`` less those the load adds.
            rejected: records that broke it, with the columns named in ``REJECTED``.

        Returns:
            Every record refused: those rejected, and those that contradict another record of their id.
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

        self.result.read_count += accepted.height + rejected.height
        self.result.rejected_count += refused.height
        self.result.accepted_count += changed.height
        self.result.corrected_count += changed["known_hash"].count()
        self.result.unchanged_count += accepted.height - contradicting.height - compared.height
        if self.feed.is_complete:
            self.listed.extend([fresh["source_record_id"], rejected["source_record_id"]])
        self._append_versions(changed)
        self._append_rejected(refused)
        return refused

    def _mark_as_read(self, fresh: pl.DataFrame) -> None:
        """Know these keys as this load's, so that a later chunk that contradicts them is refused, not loaded."""
        is_read = pl.col("source_record_id").is_in(fresh["source_record_id"].implode())
        load_id = pl.when(is_read).then(pl.lit(self.load_id, pl.Int64)).otherwise("load_id")
        self.known = self.known.with_columns(load_id=load_id)

    def _learn_moved(self, fresh: pl.DataFrame) -> None:
        """Look up keys the window does not know: their record may stand in another window."""
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
    """Open a load; commit when the block ends well, leave no trace of it when it does not.

    Args:
        url: the warehouse, as role ``loader``.
        feed: what is being loaded.

    Raises:
        LoadOutOfBalance: records read are not all accounted for.
    """
    started_at = datetime.now(UTC)
    with transaction(url) as connection:
        load = _begin(connection, feed, started_at)
        yield load
        withdraw_missing(load)
        load._record()


def close_history(url: sa.URL, feed: LoadWindow) -> int:
    """Close what no window of a history lists any more, once all of them are loaded.

    Args:
        url: the warehouse, as role ``loader``.
        feed: the feed, and the range of its history.

    Returns:
        How many records were closed; ``ops.load`` has a row of them, of no record read, where there are any.
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
    """The newest version of each record, where it lies in the window; of every record for kinds without a time."""
    table, time_column = f"raw.{feed.contract.name}", feed.contract.kind.time_column
    in_window = f"and v.{time_column} >= $3 and v.{time_column} < $4" if time_column else ""
    # the newest version is looked up record by record: a join would be planned by statistics, which a table has only
    # minutes after its first load, and without them it compares every record with every other
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
