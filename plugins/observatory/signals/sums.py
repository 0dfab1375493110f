"""Hourly sums of signals: one Ibis expression, run by DuckDB in this process; Spark runs the same one.

What is missing is not 0: a mean over no value is null and its count 0. A record counts in the hour in which it begins.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import ibis
import polars as pl

from observatory.contracts.base import STANDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from observatory.contracts.base import Contract

HOUR_S = 3_600
MEAN_DIGITS = 6
"""Decimals of a mean: far finer than any instrument, and equal for any order of summation."""


def hourly(contract: Contract, table: ibis.Table, start_s: int = 0) -> ibis.Table:
    """Sum a signal's records to one row per series and hour.

    Args:
        contract: a signal.
        table: records, with the contract's columns; any number of days.
        start_s: seconds after a full hour of UTC at which hours begin: those by which the city's midnight lies off it.

    Returns:
        The columns of ``contract.hour_schema``: where the series stands, how many records there were, the end of the
        last, and of each measure the mean, the count of values and the value in the last record (null if it had none).
    """
    sums = contract.sums
    if sums is None:
        raise ValueError(f"{contract.name} is not a signal, so it has no sums")
    end: ibis.Value = table.occurred_to
    if sums.has_simultaneous:
        end = ibis.struct({"end": table.occurred_to, "id": table.source_record_id})
    hour = (table.occurred_from.epoch_seconds() - start_s) // HOUR_S
    measured: dict[str, ibis.Value] = {}
    for name in sums.measures:
        measured |= {
            f"{name}_mean": table[name].mean().round(MEAN_DIGITS),
            f"{name}_count": table[name].count(),
            f"{name}_last": table[name].argmax(end),
        }
    summed = table.group_by(*sums.series, hour=hour).aggregate(
        **{name: table[name].max() for name in STANDS},
        row_count=table.count(),
        last_at=table.occurred_to.max(),
        **{name: table[counted].nunique() for name, counted in sums.distinct.items()},
        **measured,
    )
    hour_start = (summed.hour * HOUR_S + start_s).as_timestamp("s").cast("timestamp('UTC')")
    return summed.mutate(hour_start=hour_start).select(*contract.hour_schema)


@contextmanager
def engine(memory_limit: str = "1GiB", threads: int | None = None) -> Iterator[ibis.BaseBackend]:
    """DuckDB in this process, which fetches no extension and spills to the disk beyond its memory.

    Args:
        memory_limit: as DuckDB writes sizes.
        threads: how many; by default one per processor.
    """
    with tempfile.TemporaryDirectory(prefix="observatory-sums-") as folder:
        backend = ibis.duckdb.connect(
            memory_limit=memory_limit,
            threads=threads or os.cpu_count() or 1,
            temp_directory=folder,
            preserve_insertion_order=False,
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
        )
        try:
            yield backend
        finally:
            backend.disconnect()


def sum_files(contract: Contract, paths: Sequence[Path], start_s: int = 0) -> pl.DataFrame:
    """Sum the records in Parquet files by the hour; see ``hourly``.

    Returns:
        Columns and types of ``contract.hour_schema``.
    """
    with engine() as duckdb:
        files = duckdb.read_parquet([str(path) for path in paths], hive_partitioning=False)
        summed = hourly(contract, _without_zone(duckdb, files), start_s).order_by(*contract.series, "hour_start")
        rows = pl.DataFrame(pl.from_arrow(duckdb.to_pyarrow(summed)))
    return rows.cast(pl.Schema(contract.hour_schema))


def _without_zone(duckdb: ibis.BaseBackend, files: ibis.Table) -> ibis.Table:
    """The same records, which begin at the same moments of UTC.

    From a moment with a zone DuckDB would find the seconds by the calendar, record by record: a quarter of the work.
    """
    begins = "make_timestamp(epoch_us(occurred_from)) as occurred_from"
    duckdb.raw_sql(f"create view records as select * replace ({begins}) from {files.get_name()}")  # noqa: S608
    return duckdb.table("records")
