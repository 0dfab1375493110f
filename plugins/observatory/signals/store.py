"""The files of a signal feed: one Parquet file a local day, replaced whole, under a name of the load that wrote it.

``<signals folder>/<territory>/<feed>/day=2026-03-29/part-<load>.parquet``. What counts is what ``ops.signal_partition``
points to. A file is complete before it is pointed to and stays until it no longer is, so that a kill at any instant
leaves the state before or the state after, and files that nothing points to, which the feed's next load sweeps.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from observatory import settings
from observatory.files import sync_folder, write_whole

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date
    from pathlib import Path


@dataclass(frozen=True)
class Partition:
    """The file of one local day of a feed, as ``ops.signal_partition`` has it."""

    day: date
    file_name: str
    row_count: int
    byte_count: int


@dataclass(frozen=True)
class Store:
    """The files of one feed."""

    territory_code: str
    feed_id: str

    @property
    def folder(self) -> Path:
        """Folder of the feed's days."""
        return settings.signals_folder() / self.territory_code / self.feed_id

    def path(self, partition: Partition) -> Path:
        """Where the file of a day lies."""
        return self.folder / f"day={partition.day}" / partition.file_name

    def write(self, day: date, records: pl.DataFrame, load_id: int) -> Partition:
        """Write a day's file beside the one it replaces, and return when it is on the disk.

        Args:
            day: the local day.
            records: all records of the day, in the order in which they are to lie.
            load_id: the load that writes.
        """
        folder = self.folder / f"day={day}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{load_id}.parquet"
        write_whole(path, lambda file: records.rechunk().write_parquet(file, compression="zstd"))
        sync_folder(self.folder)
        return Partition(day, path.name, records.height, path.stat().st_size)

    def remove(self, partitions: Collection[Partition]) -> None:
        """Remove files to which nothing points any longer."""
        for partition in partitions:
            self.path(partition).unlink(missing_ok=True)

    def sweep(self, known: Collection[Partition]) -> None:
        """Remove what a killed load left behind: every file but those known."""
        kept = {self.path(partition) for partition in known}
        for entry in list(self.folder.iterdir()) if self.folder.exists() else []:
            if not entry.name.startswith("day="):
                shutil.rmtree(entry)
                continue
            for path in entry.iterdir():
                if path not in kept:
                    path.unlink(missing_ok=True)
