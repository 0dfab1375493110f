"""Forecasts as Parquet, one row per method, day and cell, and places that can be written to."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ml.errors import InputError
from ml.evaluation.backtest import DayForecast
from ml.models.distribution import cell_distribution

_ROWS_PER_WRITE = 500_000


def check_folder(folder: Path, option: str) -> None:
    """Make sure that files can be written to a folder, and make it where it is missing.

    Raises:
        InputError: they cannot.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            option,
            found=f"{folder}: {error.strerror or error}",
            expected="a folder that can be written",
            action="Choose another place, or grant the right to write there.",
        ) from error


def check_file(path: Path, option: str) -> None:
    """Make sure that a file can be written.

    Raises:
        InputError: it is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise InputError(
            option, found=f"{path}, which is a folder", expected="a file to write", action="Add the name of a file."
        )
    check_folder(path.parent, option)


@dataclass
class ParquetPieces:
    """Writes frames to Parquet in pieces, so that memory stays flat; writes nothing without a path."""

    path: Path | None
    waiting: list[pl.DataFrame] = field(default_factory=list)
    writer: pq.ParquetWriter | None = None

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows in; every frame has the same columns."""
        self.waiting.append(frame)
        if sum(waiting.height for waiting in self.waiting) >= _ROWS_PER_WRITE:
            self._write()

    def _write(self) -> None:
        if not self.waiting or self.path is None:
            return
        table: pa.Table = pl.concat(self.waiting).to_arrow(compat_level=pl.CompatLevel.oldest())
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
        self.writer.write_table(table)
        self.waiting.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write()
        if self.writer is not None:
            self.writer.close()


def forecast_rows(made: DayForecast, cell_id: np.ndarray) -> pl.DataFrame:
    """``method, forecast_date, horizon_days, cell_id, expected_count, lower_80, upper_80``, one row per cell."""
    chances = cell_distribution(made.expected, made.spread)
    frame = pl.DataFrame(
        {
            "cell_id": cell_id,
            "expected_count": made.expected,
            "lower_80": chances.lower_80,
            "upper_80": chances.upper_80,
        }
    )
    return frame.select(
        pl.lit(made.method).alias("method"),
        pl.lit(made.day).alias("forecast_date"),
        pl.lit(made.horizon_days, pl.Int16).alias("horizon_days"),
        pl.all(),
    )
