"""Records of a load that wait, by local day, until all is read; on the disk when they are many."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

ROWS_IN_MEMORY = 250_000
"""More are written out, day by day."""


@dataclass
class Waiting:
    """Records in the order in which they were read, by the local day on which they begin.

    Attributes:
        folder: where they may be written; removed by ``close``.
        timezone: of the local days, IANA name.
    """

    folder: Path
    timezone: str
    held: list[pl.DataFrame] = field(default_factory=list)
    spilt: dict[date, int] = field(default_factory=dict)

    def add(self, records: pl.DataFrame) -> None:
        """Keep a chunk."""
        local_day = pl.col("occurred_from").dt.convert_time_zone(self.timezone).dt.date()
        self.held.append(records.with_columns(local_day.alias("_day")))
        if sum(chunk.height for chunk in self.held) > ROWS_IN_MEMORY:
            self._spill()

    def _spill(self) -> None:
        for day, records in self._held_by_day().items():
            number = self.spilt.get(day, 0)
            path = self._path(day, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            records.write_parquet(path, compression="lz4")
            self.spilt[day] = number + 1

    def _held_by_day(self) -> dict[date, pl.DataFrame]:
        if not self.held:
            return {}
        parts = pl.concat(self.held).partition_by("_day", as_dict=True, include_key=False, maintain_order=True)
        self.held = []
        return {key[0]: records for key, records in parts.items()}

    def by_day(self) -> Iterator[tuple[date, pl.DataFrame]]:
        """Hand out all that waits, a day at a time, oldest first; then nothing waits any longer."""
        held = self._held_by_day()
        spilt, self.spilt = self.spilt, {}
        for day in sorted({*held, *spilt}):
            chunks = [pl.read_parquet(self._path(day, number)) for number in range(spilt.get(day, 0))]
            if day in held:
                chunks.append(held.pop(day))
            yield day, pl.concat(chunks)

    def _path(self, day: date, number: int) -> Path:
        return self.folder / f"{day}-{number}.parquet"

    def close(self) -> None:
        """Forget all, on the disk too."""
        self.held, self.spilt = [], {}
        shutil.rmtree(self.folder, ignore_errors=True)
