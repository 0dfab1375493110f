"""Load one window of a signal feed: its days' files replaced, their hourly sums written, in one transaction.

Chunks wait by local day, on the disk when there are many, and are merged day by day once all is read, so that a month
takes the memory of a day. Of each record the newest version alone is kept, that is the one published last; when it was
known stands in the row. A record is known by its id within its local day. New files are complete before the transaction
commits; only then are the old ones removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl

from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.records.identity import row_hash
from observatory.signals.store import Partition, Store
from observatory.signals.waiting import Waiting
from observatory.warehouse.transaction import Transaction, duplicates, one_per_key, read, take_turn, transaction
from observatory.window import Window

if TYPE_CHECKING:
    import adbc_driver_postgresql.dbapi as adbc
    import sqlalchemy as sa

DAYS_AT_ONCE = 31
"""So many days are summed in one query, which bounds the memory of a window of years."""


@dataclass
class SignalLoad(Transaction):
    """An open load; ``add`` chunks, in any number, then ``settle``, before the block of ``loading_signals`` ends."""

    store: Store
    known: dict[date, Partition]
    waiting: Waiting
    written: dict[date, Partition] = field(default_factory=dict)

    def add(self, accepted: pl.DataFrame, rejected: pl.DataFrame, outside: pl.Series | None = None) -> pl.DataFrame:
        """Add a chunk; ``settle`` counts what becomes of its accepted records.

        Args:
            accepted: records that meet their contract.
            rejected: records that do not, with the columns of ``REJECTED``.
            outside: identifiers of records that are dropped because they are outside the city's bounds.

        Returns:
            The records rejected.
        """
        outside_count = 0 if outside is None else outside.len()
        self.result.read_count += accepted.height + rejected.height + outside_count
        self.result.outside_count += outside_count
        self.waiting.add(accepted)
        return self._refuse(rejected.select(*REJECTED))

    def settle(self) -> pl.DataFrame:
        """Merge what was read into the files of its days.

        Returns:
            The records refused because another record of the same read has their id.
        """
        refused = [self._refuse(self._merge(day, records)) for day, records in self.waiting.by_day()]
        return pl.concat([pl.DataFrame(schema=REJECTED), *refused])

    def _refuse(self, refused: pl.DataFrame) -> pl.DataFrame:
        self.result.rejected_count += refused.height
        self._append_rejected(refused)
        return refused

    def _merge(self, day: date, records: pl.DataFrame) -> pl.DataFrame:
        """Write a day's file with these records merged in; return the records that contradict others."""
        content = list(self.feed.contract.content_columns)
        records = records.with_columns(row_hash(records, content).alias("content_hash"))
        fresh, contradicting = one_per_key(records)
        before = self._on(day)
        known = before.join(fresh, on="source_record_id", how="semi")
        known = known.select("source_record_id", known_at_source="published_at", known_hash=row_hash(known, content))
        compared = fresh.join(known, on="source_record_id", how="left", maintain_order="left")
        is_same = (pl.col("known_hash") == pl.col("content_hash")).fill_null(value=False)
        is_older = (pl.col("published_at") < pl.col("known_at_source")).fill_null(value=False)
        changed = compared.filter(~is_same & ~is_older)
        self.result.accepted_count += changed.height
        self.result.corrected_count += changed["known_hash"].count()
        self.result.unchanged_count += records.height - contradicting.height - changed.height
        if changed.height:
            kept = before.join(changed, on="source_record_id", how="anti")
            merged = pl.concat([kept, changed.select(before.columns)])
            self.written[day] = self.store.write(day, merged.sort(*self._order), self.load_id)
        return duplicates(contradicting, self.feed.contract.columns)

    @property
    def _order(self) -> tuple[str, ...]:
        return (*self.feed.contract.series, "occurred_from", "source_record_id")

    def _on(self, day: date) -> pl.DataFrame:
        """The known records of a day; columns added to the contract since are null."""
        empty = pl.DataFrame(schema=dict(self.feed.contract.schema))
        partition = self.known.get(day)
        if partition is None:
            return empty
        return pl.concat([empty, pl.read_parquet(self.store.path(partition))], how="diagonal").select(empty.columns)

    def replaced(self) -> list[Partition]:
        """The files that newer files of the same day replace."""
        return [self.known[day] for day in self.written if day in self.known]

    def _write_sums(self) -> None:
        """Replace the hourly sums of the written days."""
        from observatory.signals import sums

        if not self.written:
            return
        windows = {day: Window.of_day(day, self.feed.window.timezone) for day in sorted(self.written)}
        bounds = [(window.start, window.end) for window in windows.values()]
        days = pl.DataFrame(bounds, schema=dict.fromkeys(("day_start", "day_end"), _TIME), orient="row")
        self.stage("summed_day", days, "day_start timestamptz, day_end timestamptz")
        table = f"{self.feed.contract.name}_hour"
        self.execute(
            f"""
            delete from raw.{table} as s using pg_temp.summed_day as d
            where s.territory_code = $1 and s.feed_id = $2
                and s.hour_start >= d.day_start and s.hour_start < d.day_end
            """,  # noqa: S608
            self.feed.territory_code,
            self.feed.feed_id,
        )
        for start_s, some in batches(windows):
            paths = [self.store.path(self.written[day]) for day in some]
            summed = sums.sum_files(self.feed.contract, paths, start_s)
            whose = {"territory_code": self.feed.territory_code, "feed_id": self.feed.feed_id}
            self._ingest(table, summed.with_columns(pl.lit(value).alias(name) for name, value in whose.items()))

    def _point(self) -> None:
        """Point the manifest to the new files."""
        if not self.written:
            return
        rows = [(p.day, p.file_name, p.row_count, p.byte_count) for p in self.written.values()]
        names = ("day", "file_name", "row_count", "byte_count")
        self.stage(
            "partition",
            pl.DataFrame(rows, schema=names, orient="row"),
            "day date, file_name text, row_count bigint, byte_count bigint",
        )
        self.execute(
            """
            insert into ops.signal_partition as p (
                territory_code, feed_id, day, kind, file_name, row_count, byte_count, load_id, updated_at
            )
            select $1, $2, day, $3, file_name, row_count, byte_count, $4, $5 from pg_temp.partition
            on conflict (territory_code, feed_id, day) do update set
                kind = excluded.kind, file_name = excluded.file_name, row_count = excluded.row_count,
                byte_count = excluded.byte_count, load_id = excluded.load_id, updated_at = excluded.updated_at
            """,
            self.feed.territory_code,
            self.feed.feed_id,
            self.feed.contract.name,
            self.load_id,
            self.loaded_at,
        )


_TIME = pl.Datetime("us", "UTC")


@contextmanager
def loading_signals(url: sa.URL, feed: LoadWindow) -> Iterator[SignalLoad]:
    """Open a load of signals; commit when the block ends well, leave no trace of it when it does not.

    Args:
        url: the warehouse, as role ``loader``.
        feed: what is being loaded.

    Raises:
        LoadOutOfBalance: records read are not all accounted for.
    """
    started_at = datetime.now(UTC)
    store = Store(feed.territory_code, feed.feed_id)
    replaced: list[Partition] = []
    with transaction(url) as connection:
        load = _begin(connection, feed, store, started_at)
        try:
            yield load
            load.settle()
            load._write_sums()
            load._point()
            load._record()
        except BaseException:
            store.remove(load.written.values())
            raise
        finally:
            load.waiting.close()
        replaced = load.replaced()
    store.remove(replaced)


def _begin(connection: adbc.Connection, feed: LoadWindow, store: Store, started_at: datetime) -> SignalLoad:
    load_id, loaded_at = take_turn(connection, feed)
    known = partitions(connection, feed.territory_code, feed.feed_id)
    store.sweep(known.values())
    waiting = Waiting(store.folder / f"reading-{load_id}", feed.window.timezone)
    return SignalLoad(feed, connection, load_id, loaded_at, started_at, store, known, waiting)


def partitions(connection: adbc.Connection, territory_code: str, feed_id: str) -> dict[date, Partition]:
    """The days of a feed and the file of each, as the manifest has them."""
    rows = read(
        connection,
        "select day, file_name, row_count, byte_count from ops.signal_partition "
        "where territory_code = $1 and feed_id = $2",
        territory_code,
        feed_id,
    )
    return {row[0]: Partition(*row) for row in rows.iter_rows()}


def batches(windows: dict[date, Window]) -> Iterator[tuple[int, list[date]]]:
    """Batches of days whose hours begin at the same second of the UTC hour, with that second."""
    from observatory.signals.sums import HOUR_S

    by_start: dict[int, list[date]] = {}
    for day, window in windows.items():
        by_start.setdefault(int(window.start.timestamp()) % HOUR_S, []).append(day)
    for start_s, days in by_start.items():
        for first in range(0, len(days), DAYS_AT_ONCE):
            yield start_s, days[first : first + DAYS_AT_ONCE]
