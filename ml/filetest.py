"""A backtest on files: read, roll, write every forecast, report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ml.backtest import DayForecast, backtest
from ml.files import check_days, read_city, read_groups
from ml.history import Known
from ml.measure import DayScore, pool
from ml.methods import DEFAULT, methods_named
from ml.model import check_history
from ml.predictive import predictive
from ml.report import Report
from ml.summary import GroupScore

Progress = Callable[[str, int, int], None]
_ROWS_PER_WRITE = 500_000


@dataclass(frozen=True, kw_only=True)
class FileTest:
    """What is asked of a backtest on files; see :func:`ml.files.read_city`.

    Attributes:
        groups: YAML of category groups, or None.
        methods: names, or None for ours and four baselines.
    """

    incidents: Path
    boundary: Path
    epsg: int
    cell_size_m: int
    category: str
    groups: Path | None
    first_day: date
    last_day: date
    horizon_days: int = 1
    refit_days: int = 28
    methods: list[str] | None = None


def run_filetest(
    test: FileTest, out: Path | None = None, report: Path | None = None, progress: Progress | None = None
) -> tuple[GroupScore, ...]:
    """Run the backtest.

    Args:
        test: what to run.
        out: Parquet to write, one row per method, day and cell: ``method, forecast_date, horizon_days, cell_id,
            expected_count, lower_80, upper_80``.
        report: folder for the table, curves and a map.
        progress: called with (what, days done, days in all).

    Raises:
        InputError: the input cannot be used.
        HistoryTooShort: too little lies before the first day.
    """
    methods = methods_named(test.methods or DEFAULT)
    city = read_city(
        test.incidents,
        test.boundary,
        epsg=test.epsg,
        cell_size_m=test.cell_size_m,
        category=test.category,
        groups=read_groups(test.groups),
    )
    panel = city.panel
    check_days(panel, test.first_day, test.last_day, test.horizon_days, test.incidents.name)
    check_history(panel.until(test.first_day))
    known = Known(panel, test.horizon_days)
    total = (test.last_day - test.first_day).days + 1
    scores: dict[str, list[DayScore]] = {method.name: [] for method in methods}
    curves = Report(city.cells, panel) if report else None
    with _Forecasts(out, panel.cells.cell_id) as written:
        made_forecasts = backtest(
            methods,
            lambda _: known,
            truth=panel,
            first_day=test.first_day,
            last_day=test.last_day,
            refit_days=test.refit_days,
        )
        for made in made_forecasts:
            scores[made.method].append(made.score)
            written.add(made)
            if curves:
                curves.add(made)
            if progress:
                progress("backtest", (made.day - test.first_day).days + 1, total)
    pooled = tuple(GroupScore.of(test.category, method, pool(days)) for method, days in scores.items())
    if curves and report:
        curves.write(report, test.category, pooled)
    return pooled


@dataclass
class _Forecasts:
    """Writes forecasts to Parquet in pieces, so that memory stays flat; writes nothing without a path."""

    path: Path | None
    cell_id: np.ndarray
    waiting: list[pl.DataFrame] = field(default_factory=list)
    writer: pq.ParquetWriter | None = None

    def add(self, made: DayForecast) -> None:
        if self.path is None:
            return
        chances = predictive(made.expected, made.spread)
        frame = pl.DataFrame(
            {
                "cell_id": self.cell_id,
                "expected_count": made.expected,
                "lower_80": chances.lower_80,
                "upper_80": chances.upper_80,
            }
        )
        self.waiting.append(
            frame.select(
                pl.lit(made.method).alias("method"),
                pl.lit(made.day).alias("forecast_date"),
                pl.lit(made.horizon_days, pl.Int16).alias("horizon_days"),
                pl.all(),
            )
        )
        if len(self.waiting) * len(self.cell_id) >= _ROWS_PER_WRITE:
            self._write()

    def _write(self) -> None:
        if not self.waiting or self.path is None:
            return
        table: pa.Table = pl.concat(self.waiting).to_arrow(compat_level=pl.CompatLevel.oldest())
        if self.writer is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
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
