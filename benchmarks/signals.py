"""Traffic's way to Parquet and hourly sums, against the same aggregate in one query and against bare Parquet.

    python -m benchmarks.signals [--days 1825] [--population 870000] [--json]

Measurements of SIMULATED roads (300 sites every six minutes in a city of 870,000: 72,000 rows a day), in files as the
observatory keeps them. Four measures, each in a process of its own, with its peak memory: ``sums`` sums all days to
sites and hours by the observatory's expression, as many days at once as a load does; ``month`` loads a month into
Parquet, sums and PostgreSQL; ``batch`` loads the newest interval of all sites into a day that is there, the median of
several. Beside them, in the same run: one query of DuckDB over all files, written by hand, with three times the
memory; the same rows written by polars; the day's file read, joined, sorted and written by polars.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl

from benchmarks.server import scratch_warehouse
from observatory import grid
from observatory.contracts import CONTRACTS
from observatory.contracts.traffic_measure import tell_missing_from_zero
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.signals.load import batches, loading_signals
from observatory.signals.store import Store
from observatory.signals.sums import sum_files
from observatory.simulator import records as city_records
from observatory.simulator.world.simulation import FIRST_DAY, Simulation
from observatory.territory.files import load_territory
from observatory.warehouse.connection import role_url
from observatory.window import Window

KIND, DEMO, STORE = CONTRACTS["traffic_measure"], load_territory("demo"), Store("bench", "traffic")
CHUNK_ROWS, MONTH_DAYS, BATCHES = 50_000, 31, 5
NO_REJECTS = pl.DataFrame(schema=REJECTED)
BY_HAND = """
    select
        site_code, to_timestamp(epoch_us(occurred_from) // 3_600_000_000 * 3600) as hour_start,
        max(cell_id) as cell_id, max(district_code) as district_code,
        max(longitude_deg) as longitude_deg, max(latitude_deg) as latitude_deg,
        count(*) as row_count, max(occurred_to) as last_at,
        avg(flow_veh_h) as flow_veh_h_mean, count(flow_veh_h) as flow_veh_h_count,
        arg_max_null(flow_veh_h, occurred_to) as flow_veh_h_last,
        avg(speed_kmh) as speed_kmh_mean, count(speed_kmh) as speed_kmh_count,
        arg_max_null(speed_kmh, occurred_to) as speed_kmh_last,
        avg(occupancy_pct) as occupancy_pct_mean, count(occupancy_pct) as occupancy_pct_count,
        arg_max_null(occupancy_pct, occurred_to) as occupancy_pct_last
    from read_parquet({paths})
    group by site_code, epoch_us(occurred_from) // 3_600_000_000
"""


def records(day: date, population: int) -> pl.DataFrame:
    """What is known in the end of a local day, in the contract's columns, in order of time."""
    made = city_records.versions("traffic_measure", Simulation(population=population), day, day + timedelta(days=1))
    known = made.filter(pl.col("shown_until").is_null()).rename({"shown_from": "published_at"})
    known = tell_missing_from_zero(known, DEMO, DEMO.feeds["incidents"]).unique("source_record_id")
    sites = known.select("site_code", "longitude_deg", "latitude_deg").unique()
    points = grid.project(sites["longitude_deg"], sites["latitude_deg"], DEMO.grid.epsg)
    sites = sites.select("site_code", cell_id=grid.cell_ids(*points, DEMO.grid.epsg, DEMO.grid.cell_size_m))
    known = known.join(sites, on="site_code").with_columns(
        known_at="published_at",
        occurred_precision=pl.lit("minute"),
        location_method=pl.lit("gps"),
        location_precision_m=pl.lit(5.0),
    )
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in KIND.schema.items() if name not in known.columns]
    is_possible = (pl.col("speed_kmh") <= 160).fill_null(value=True)
    return known.filter(is_possible).with_columns(absent).select(KIND.columns).sort("occurred_from", "source_record_id")


def make(days: int, population: int) -> tuple[int, int]:
    """Write the days' files as a load does; rows, bytes."""
    rows = size = 0
    for day in days_of(days):
        in_order = records(day, population).sort(*KIND.series, "occurred_from", "source_record_id")
        partition = STORE.write(day, in_order, 0)
        rows, size = rows + partition.row_count, size + partition.byte_count
    return rows, size


def days_of(count: int) -> list[date]:
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


def path_of(day: date) -> Path:
    return STORE.folder / f"day={day}" / "part-0.parquet"


def totals(summed: pl.DataFrame) -> tuple[int, int, int, float]:
    """What two ways to the same sums have in common: hours, records, values, their last ones added up."""
    totals = summed.select(pl.len(), pl.sum("row_count", "speed_kmh_count", "flow_veh_h_last"))
    return totals.row(0)


def added(parts: Iterator[pl.DataFrame]) -> tuple[float, ...]:
    return tuple(map(sum, zip(*map(totals, parts), strict=True)))


def sums(days: int) -> tuple[float, ...]:
    """Sum all days as loads do."""
    windows = {day: Window.of_day(day, DEMO.timezone) for day in days_of(days)}
    return added(sum_files(KIND, [path_of(day) for day in some], start_s) for start_s, some in batches(windows))


def sums_by_hand(days: int) -> tuple[float, ...]:
    """Sum all days in one query."""
    with tempfile.TemporaryDirectory(prefix="observatory-bench-") as folder:
        settings = {"memory_limit": "3GiB", "temp_directory": folder, "preserve_insertion_order": False}
        with duckdb.connect(config=settings) as connection:
            connection.execute("set enable_progress_bar = false")
            query = BY_HAND.format(paths=[str(path_of(day)) for day in days_of(days)])
            return added(pl.DataFrame(pl.from_arrow(some)) for some in connection.sql(query).to_arrow_reader(10**6))


def timed(frames: Iterator[pl.DataFrame], take: Callable[[pl.DataFrame], object]) -> float:
    """Seconds of what is done with frames, less those of their making."""
    seconds = 0.0
    for frame in frames:
        started = time.perf_counter()
        take(frame)
        seconds += time.perf_counter() - started
    return seconds


def month(days: int, population: int) -> float:
    """Load days by the way of every feed; seconds, without the making of the rows."""
    window = Window(FIRST_DAY, FIRST_DAY + timedelta(days=days), DEMO.timezone)
    started = time.perf_counter()
    with loading_signals(role_url("loader"), LoadWindow("bench", "month", KIND, window)) as load:
        seconds = time.perf_counter() - started
        chunks = (chunk for day in days_of(days) for chunk in records(day, population).iter_slices(CHUNK_ROWS))
        seconds += timed(chunks, lambda chunk: load.add(chunk, NO_REJECTS))
        started = time.perf_counter()
    return seconds + time.perf_counter() - started


def month_bare(days: int, population: int) -> float:
    """Write the same rows with polars, a file a day; seconds."""
    with tempfile.TemporaryDirectory(prefix="observatory-bench-") as folder:
        frames = (records(day, population) for day in days_of(days))
        return timed(frames, lambda frame: frame.write_parquet(Path(folder) / f"{time.time_ns()}.parquet"))


def last_intervals(population: int) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """A day without its last intervals, and each of these."""
    known = records(FIRST_DAY, population)
    begins = known["occurred_from"].unique().sort()[-BATCHES:]
    others = [known.filter(pl.col("occurred_from") == begin) for begin in begins]
    return known.filter(pl.col("occurred_from") < begins[0]), others


def batch(population: int) -> float:
    """Load one interval of all sites into its day; seconds, the median of several."""
    window = Window.of_day(FIRST_DAY, DEMO.timezone)

    def load_rows(rows: pl.DataFrame) -> None:
        with loading_signals(role_url("loader"), LoadWindow("bench", "batch", KIND, window)) as load:
            load.add(rows, NO_REJECTS)

    day, intervals = last_intervals(population)
    load_rows(day)
    return statistics.median(timed(iter([rows]), load_rows) for rows in intervals)


def batch_bare(population: int) -> float:
    """The same, of the day's file alone, with polars; seconds, the median of several."""
    day, intervals = last_intervals(population)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        day.write_parquet(file.name)

        def join_rows(rows: pl.DataFrame) -> None:
            joined = pl.concat([pl.read_parquet(file.name), rows]).sort("site_code", "occurred_from")
            joined.write_parquet(file.name)

        return statistics.median(timed(iter([rows]), join_rows) for rows in intervals)


class Measured(NamedTuple):
    """What a function says, its seconds, those of its processor, its process's peak memory."""

    said: Any
    seconds: float
    cpu_seconds: float
    peak_mib: int


def run(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Measured:
    started, begun = time.perf_counter(), time.process_time()
    said = function(*arguments)
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - begun
    return Measured(said, seconds, cpu_seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def alone(function: Callable[..., Any], *arguments: Any) -> Measured:
    """``run`` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(run, (function, arguments))


def measure(days: int, population: int) -> dict[str, Any]:
    made = alone(make, days, population)
    rows, size = made.said
    figures = {"days": days, "rows": rows, "parquet_mb": round(size / 1e6), "made_seconds": round(made.seconds)}
    ours, bare = alone(sums, days), alone(sums_by_hand, days)
    assert all(map(math.isclose, ours.said, bare.said)), (ours, bare)
    figures |= {"hours": ours.said[0], **compared("sums", ours, bare, ours.seconds, bare.seconds)}
    figures["sums_cpu_ratio"] = round(ours.cpu_seconds / bare.cpu_seconds, 2)
    days = min(days, MONTH_DAYS)
    ours, bare = alone(month, days, population), alone(month_bare, days, population)
    figures |= compared("month", ours, bare, ours.said, bare.said)
    ours, bare = alone(batch, population), alone(batch_bare, population)
    return figures | compared("batch", ours, bare, ours.said, bare.said)


def compared(name: str, ours: Measured, bare: Measured, seconds: float, bare_seconds: float) -> dict[str, Any]:
    return {
        f"{name}_seconds": round(seconds, 3),
        f"{name}_bare_seconds": round(bare_seconds, 3),
        f"{name}_ratio": round(seconds / bare_seconds, 2),
        f"{name}_peak_mib": ours.peak_mib,
        f"{name}_bare_peak_mib": bare.peak_mib,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=1_825)
    parser.add_argument("--population", type=int, default=870_000)
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    arguments = parser.parse_args()
    with scratch_warehouse():
        figures = measure(arguments.days, arguments.population)
    print(
        json.dumps(figures) if arguments.json else "\n".join(f"{name:<24} {value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
