"""The transaction of a load, on one ADBC connection: its lock, its id, its counts, its rejected records."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi as adbc
import polars as pl
import pyarrow as pa

from observatory.errors import LoadOutOfBalance
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.records.identity import row_hash
from observatory.warehouse.connection import plain
from observatory.warehouse.load_result import LoadResult

if TYPE_CHECKING:
    import sqlalchemy as sa


@dataclass
class Transaction:
    """An open load, of records or of signals."""

    feed: LoadWindow
    connection: adbc.Connection
    load_id: int
    loaded_at: datetime
    started_at: datetime
    result: LoadResult = field(default_factory=LoadResult, kw_only=True)

    def settle(self) -> pl.DataFrame:
        """Finish the load's checks after the last chunk; calling it again has no effect.

        Returns:
            Records that are rejected only now, with the columns of ``REJECTED``.
        """
        return pl.DataFrame(schema=REJECTED)

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
            self.feed.contract.name,
            self.load_id,
            self.loaded_at,
        )

    def _record(self) -> None:
        r = self.result
        if r.read_count != r.accepted_count + r.rejected_count + r.unchanged_count + r.outside_count:
            raise LoadOutOfBalance(
                str(self.feed),
                found=str(r),
                expected="read = accepted + rejected + unchanged + outside",
                action="Nothing was written. This is a bug of the observatory: please report it with the window.",
            )
        self.execute(
            """
            insert into ops.load (
                load_id, territory_code, feed_id, kind, window_start, window_end, started_at, loaded_at, read_count,
                accepted_count, rejected_count, unchanged_count, outside_count, corrected_count, withdrawn_count
            )
            overriding system value
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
            """,
            self.load_id,
            self.feed.territory_code,
            self.feed.feed_id,
            self.feed.contract.name,
            self.feed.window.start,
            self.feed.window.end,
            self.started_at,
            self.loaded_at,
            *asdict(r).values(),
        )

    def _ingest(self, table: str, frame: pl.DataFrame) -> None:
        """Append to a table of ``raw`` by binary COPY; columns are matched by name."""
        with self.connection.cursor() as cursor:
            cursor.adbc_ingest(table, arrow(frame), mode="append", db_schema_name="raw")

    def stage(self, name: str, frame: pl.DataFrame, columns: str) -> None:
        """Copy a frame into the temporary table ``pg_temp.<name>``."""
        self.execute(f"drop table if exists pg_temp.{name}")
        self.execute(f"create temporary table {name} ({columns}) on commit drop")
        with self.connection.cursor() as cursor:
            cursor.adbc_ingest(name, arrow(frame), mode="append", temporary=True)
        self.execute(f"analyze pg_temp.{name}")

    def execute(self, statement: str, *parameters: object) -> None:
        """Execute a statement within the load's transaction, with parameters for ``$1``, ``$2`` and so on."""
        with self.connection.cursor() as cursor:
            cursor.execute(statement, _bound(parameters))

    def query(self, statement: str, *parameters: object) -> pl.DataFrame:
        """Run a query within the load's transaction, with parameters for ``$1``, ``$2`` and so on."""
        return read(self.connection, statement, *parameters)


@contextmanager
def transaction(url: sa.URL) -> Iterator[adbc.Connection]:
    """Connect as role ``loader``; commit when the block ends, roll back if it raises."""
    with adbc.connect(plain(url)) as connection:
        try:
            yield connection
        except BaseException:
            connection.rollback()
            raise
        connection.commit()


def take_turn(connection: adbc.Connection, feed: LoadWindow) -> tuple[int, datetime]:
    """Lock the feed until the transaction ends, waiting for another load of it to end first.

    Returns:
        The load's id and time.
    """
    lock = f"{feed.territory_code}/{feed.feed_id}"
    read(connection, "select pg_advisory_xact_lock(hashtext($1))::text as locked", lock)
    number = "select nextval(pg_get_serial_sequence('ops.load', 'load_id')) as load_id, clock_timestamp() as loaded_at"
    return read(connection, number).row(0)


def one_per_key(hashed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split a chunk into one record per key (the one published last) and the records that contradict it."""
    keys = hashed["source_record_id"]
    if keys.n_unique() == keys.len():
        return hashed, hashed.clear()
    newest_first = hashed.sort("published_at", descending=True, nulls_last=True, maintain_order=True)
    kept = newest_first.unique("source_record_id", keep="first", maintain_order=True)
    others = newest_first.join(kept.select("source_record_id", kept_hash="content_hash"), on="source_record_id")
    return kept, others.filter(pl.col("content_hash") != pl.col("kept_hash")).drop("kept_hash")


def duplicates(records: pl.DataFrame, content: tuple[str, ...]) -> pl.DataFrame:
    """Rejected records, one for each record whose key occurred before in the same load with other content."""
    return records.select(
        "source_record_id",
        pl.lit("source_record_id").alias("column_name"),
        pl.lit("unique").alias("check_name"),
        pl.col("source_record_id").alias("value"),
        pl.format(
            "source_record_id: {} identifies two different records in one load; expected one record per id. "
            "Declare missing_ids in the territory file if the source has no ids.",
            "source_record_id",
        ).alias("reason"),
        pl.struct(content).struct.json_encode().alias("row_data"),
    )


def arrow(frame: pl.DataFrame) -> pa.Table:
    """Convert to Arrow, in the layouts that the PostgreSQL driver supports."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def read(connection: adbc.Connection, statement: str, *parameters: object) -> pl.DataFrame:
    """Run a query, with parameters for ``$1``, ``$2`` and so on."""
    with connection.cursor() as cursor:
        cursor.execute(statement, _bound(parameters))
        return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def _bound(parameters: tuple[object, ...]) -> tuple[Any, ...] | None:
    return parameters or None
