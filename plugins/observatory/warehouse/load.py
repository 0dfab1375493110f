"""Load one window of one feed: one ADBC connection, one transaction, versions appended, counts that balance.

What the warehouse knows of the window is read once (key, version, hash) and compared with each chunk as columns, so
that only new versions travel to the server, by binary COPY straight into the raw table: data moves once, and an
unchanged reload writes nothing. An advisory lock lets one load of a feed run at a time, so the comparison holds until
the commit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
import pyarrow as pa

from observatory.errors import LoadOutOfBalance
from observatory.records import REJECTED, Kind, row_hash
from observatory.warehouse.connection import plain
from observatory.warehouse.older_keys import OlderKeys
from observatory.warehouse.withdrawals import close_noted, withdraw_unlisted
from observatory.window import Window

if TYPE_CHECKING:
    import sqlalchemy as sa

STATE = {
    "source_record_id": pl.String,
    "version_number": pl.Int32,
    "content_hash": pl.Binary,
    "is_withdrawn": pl.Boolean,
    "load_id": pl.Int64,
}


@dataclass
class LoadResult:
    """What became of the records of one window; ``read_count`` is the sum of the three after it."""

    read_count: int = 0
    accepted_count: int = 0
    rejected_count: int = 0
    unchanged_count: int = 0
    corrected_count: int = 0
    withdrawn_count: int = 0

    def __str__(self) -> str:
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class FeedWindow:
    """Which feed, which kind of record, which window.

    A window that is part of a history closes no record: another of its windows may list it, see ``withdrawals``.
    """

    territory_code: str
    feed_id: str
    kind: Kind
    window: Window
    is_complete: bool = False
    tolerated_withdrawal_share: float = 0.05
    has_pseudonymous_key: bool = False
    is_part_of_history: bool = False

    def __str__(self) -> str:
        return f"{self.territory_code}/{self.feed_id} {self.window}"


@dataclass
class Load:
    """An open load; ``add`` chunks, in any number, before the ``with`` block of ``loading`` ends."""

    feed: FeedWindow
    connection: adbc.Connection
    load_id: int
    loaded_at: datetime
    started_at: datetime
    known: pl.DataFrame
    feed_is_empty: bool
    result: LoadResult = field(default_factory=LoadResult)
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
        hashed = accepted.with_columns(row_hash(accepted, list(self.feed.kind.content_columns)).alias("content_hash"))
        if self.feed.has_pseudonymous_key:
            hashed = self.older_keys.kept(hashed, self.known)
        fresh, contradicting = _one_per_key(hashed)
        self._learn_moved(fresh)
        compared = fresh.join(
            self.known.rename({"content_hash": "known_hash"}), on="source_record_id", how="left", maintain_order="left"
        )
        same = (pl.col("known_hash") == pl.col("content_hash")) & ~pl.col("is_withdrawn")
        compared = compared.filter(~same.fill_null(value=False))
        twice = compared.filter((pl.col("load_id") == self.load_id).fill_null(value=False))
        changed = compared.filter((pl.col("load_id") != self.load_id).fill_null(value=True))
        self._mark_as_read(fresh)
        content = self.feed.kind.columns
        refused = pl.concat(
            [rejected.select(*REJECTED), _duplicates(contradicting, content), _duplicates(twice, content)]
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
                from raw.{self.feed.kind.name} as r
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
        with self.connection.cursor() as cursor:
            cursor.adbc_ingest(self.feed.kind.name, _arrow(versions), mode="append", db_schema_name="raw")
        news = versions.select(*STATE)
        self.known = pl.concat([self.known.join(news, on="source_record_id", how="anti"), news])

    def _append_rejected(self, refused: pl.DataFrame) -> None:
        if refused.is_empty():
            return
        self.stage(
            "refused",
            refused.with_columns(row_hash(refused, ["row_data", "column_name", "check_name"]).alias("row_hash")),
            ", ".join(f"{name} text" for name in REJECTED) + ", row_hash bytea",
        )
        self.execute(
            """
            insert into raw.rejected (
                territory_code, feed_id, row_hash, kind, load_id, source_record_id, column_name, check_name, value,
                reason, row_data, rejected_at
            )
            select
                $1, $2, row_hash, $3, $4, source_record_id, column_name, check_name, value, reason, row_data::jsonb, $5
            from pg_temp.refused
            on conflict do nothing
            """,
            self.feed.territory_code,
            self.feed.feed_id,
            self.feed.kind.name,
            self.load_id,
            self.loaded_at,
        )

    def columns(self) -> list[str]:
        """Columns of the kind's table, in order."""
        names = self.query(
            "select column_name::text from information_schema.columns where table_schema = 'raw' and table_name = $1 "
            "order by ordinal_position",
            self.feed.kind.name,
        )
        return names["column_name"].to_list()

    def _record(self) -> None:
        r = self.result
        if r.read_count != r.accepted_count + r.rejected_count + r.unchanged_count:
            raise LoadOutOfBalance(
                str(self.feed),
                came=str(r),
                expected="read = accepted + rejected + unchanged",
                todo="Nothing was written. This is a fault of the observatory: please report it with the window.",
            )
        self.execute(
            """
            insert into ops.load (
                load_id, territory_code, feed_id, kind, window_start, window_end, started_at, loaded_at, read_count,
                accepted_count, rejected_count, unchanged_count, corrected_count, withdrawn_count
            )
            overriding system value
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            """,
            self.load_id,
            self.feed.territory_code,
            self.feed.feed_id,
            self.feed.kind.name,
            self.feed.window.start,
            self.feed.window.end,
            self.started_at,
            self.loaded_at,
            *asdict(r).values(),
        )

    def stage(self, name: str, frame: pl.DataFrame, columns: str) -> None:
        """Put a frame into a table of the load's own, ``pg_temp.<name>``."""
        self.execute(f"drop table if exists pg_temp.{name}")
        self.execute(f"create temporary table {name} ({columns}) on commit drop")
        with self.connection.cursor() as cursor:
            cursor.adbc_ingest(name, _arrow(frame), mode="append", temporary=True)
        self.execute(f"analyze pg_temp.{name}")

    def execute(self, statement: str, *parameters: object) -> None:
        """Change something within the load's transaction, parameters bound to ``$1``, ``$2`` and so on."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, _bound(parameters))

    def query(self, statement: str, *parameters: object) -> pl.DataFrame:
        """Read within the load's transaction, parameters bound to ``$1``, ``$2`` and so on."""
        return _query(self.connection, statement, *parameters)


@contextmanager
def loading(url: sa.URL, feed: FeedWindow) -> Iterator[Load]:
    """Open a load; commit when the block ends well, leave no trace of it when it does not.

    Args:
        url: the warehouse, as role ``loader``.
        feed: what is being loaded.

    Raises:
        LoadOutOfBalance: records read are not all accounted for.
    """
    started_at = datetime.now(UTC)
    with adbc.connect(plain(url)) as connection:
        try:
            load = _begin(connection, feed, started_at)
            yield load
            withdraw_unlisted(load)
            load._record()
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def close_history(url: sa.URL, feed: FeedWindow) -> int:
    """Close what no window of a history lists any more, once all of them are loaded.

    Args:
        url: the warehouse, as role ``loader``.
        feed: the feed, and the range of its history.

    Returns:
        How many records were closed; ``ops.load`` has a row of them, of no record read, where there are any.
    """
    with adbc.connect(plain(url)) as connection:
        load = _begin(connection, feed, datetime.now(UTC), is_known=False)
        close_noted(load)
        if load.result.withdrawn_count:
            load._record()
        connection.commit()
    return load.result.withdrawn_count


def _begin(connection: adbc.Connection, feed: FeedWindow, started_at: datetime, *, is_known: bool = True) -> Load:
    lock = f"{feed.territory_code}/{feed.feed_id}"
    _query(connection, "select pg_advisory_xact_lock(hashtext($1))::text as locked", lock)
    opened = _query(
        connection,
        f"""
        select nextval(pg_get_serial_sequence('ops.load', 'load_id')) as load_id, clock_timestamp() as loaded_at,
            not exists (select from raw.{feed.kind.name} where territory_code = $1 and feed_id = $2) as is_empty
        """,  # noqa: S608
        feed.territory_code,
        feed.feed_id,
    ).row(0, named=True)
    is_known = is_known and not opened["is_empty"]
    known = _known_in_window(connection, feed) if is_known else pl.DataFrame(schema=STATE)
    return Load(feed, connection, opened["load_id"], opened["loaded_at"], started_at, known, opened["is_empty"])


def _known_in_window(connection: adbc.Connection, feed: FeedWindow) -> pl.DataFrame:
    """The newest version of each record, where it lies in the window; of every record for kinds without a time."""
    table, time_column = f"raw.{feed.kind.name}", feed.kind.time_column
    in_window = f"and v.{time_column} >= $3 and v.{time_column} < $4" if time_column else ""
    # the newest version is looked up record by record: a join would be planned by statistics, which a table has only
    # minutes after its first load, and without them it compares every record with every other
    return _query(
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


def _one_per_key(hashed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a chunk into one record per key (the newest published) and the records that contradict it."""
    keys = hashed["source_record_id"]
    if keys.n_unique() == keys.len():
        return hashed, hashed.clear()
    newest_first = hashed.sort("published_at", descending=True, nulls_last=True, maintain_order=True)
    kept = newest_first.unique("source_record_id", keep="first", maintain_order=True)
    others = newest_first.join(kept.select("source_record_id", kept_hash="content_hash"), on="source_record_id")
    return kept, others.filter(pl.col("content_hash") != pl.col("kept_hash")).drop("kept_hash")


def _duplicates(records: pl.DataFrame, content: tuple[str, ...]) -> pl.DataFrame:
    """Records whose key another record of the same read already holds, as rejects."""
    return records.select(
        "source_record_id",
        pl.lit("source_record_id").alias("column_name"),
        pl.lit("unique").alias("check_name"),
        pl.col("source_record_id").alias("value"),
        pl.format(
            "source_record_id: {} stands for two different records of one read; expected one record per id. "
            "Declare missing_ids in the territory file if the source has none.",
            "source_record_id",
        ).alias("reason"),
        pl.struct(content).struct.json_encode().alias("row_data"),
    )


def _arrow(frame: pl.DataFrame) -> pa.Table:
    """Arrow in the plain layouts that the PostgreSQL driver knows."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def _query(connection: adbc.Connection, statement: str, *parameters: object) -> pl.DataFrame:
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def _bound(parameters: tuple[object, ...]) -> tuple[Any, ...] | None:
    return parameters or None
