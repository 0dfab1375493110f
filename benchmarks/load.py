r"""Load of validated incidents, as a multiple of ``\copy`` of the same rows into a logged heap without index.

    python -m benchmarks.load [--rows 1000000] [--json]

Three measures in one run, on one server: ``\copy`` of the rows as CSV; the first load (contract check, hash, versions,
COPY into the indexed raw table, balance); the same load again, unchanged. Rows come in chunks of 50,000, in windows of
250,000, as a feed delivers them; memory is the process's peak.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import sqlalchemy as sa

from benchmarks.server import copied, scratch_warehouse
from observatory.contracts import CONTRACTS
from observatory.contracts.base import UNUSABLE
from observatory.grid import cell_ids
from observatory.records.check import check
from observatory.records.feed_window import LoadWindow
from observatory.records.plan import Plan
from observatory.territory.files import load_territory
from observatory.warehouse.connection import role_url
from observatory.warehouse.load import loading
from observatory.window import Window

CHUNK_ROWS, WINDOW_ROWS, WINDOW_DAYS = 50_000, 250_000, 30
INCIDENT = CONTRACTS["incident"]
TERRITORY = load_territory("chicago")
FEED = TERRITORY.feeds["incidents"]


def window_rows(number: int, rows: int) -> tuple[Window, pl.DataFrame]:
    """Made-up incidents of one window, in the order a portal sends them: by time, ids at random."""
    first_day = date(2000, 1, 1) + timedelta(days=WINDOW_DAYS * number)
    window = Window(first_day, first_day + timedelta(days=WINDOW_DAYS), "UTC")
    rng = np.random.default_rng(number)
    seconds = np.sort(rng.integers(0, WINDOW_DAYS * 86_400, rows))
    moments = pl.Series(np.datetime64(window.start.replace(tzinfo=None), "us") + seconds.astype("timedelta64[s]"))
    ids = number * rows + rng.permutation(rows) + 10_000_000
    easting, northing = rng.uniform(430_000, 460_000, rows), rng.uniform(4_610_000, 4_650_000, rows)
    made = pl.DataFrame(
        {
            "source_record_id": pl.Series(ids).cast(pl.String),
            "occurred_from": moments.dt.replace_time_zone("UTC"),
            "source_category_code": pl.Series(rng.choice(["THEFT", "BATTERY", "BURGLARY", "ASSAULT"], rows)),
            "description": pl.Series(rng.choice(["OVER $500", "SIMPLE", "FORCIBLE ENTRY"], rows)),
            "longitude_deg": rng.uniform(-87.9, -87.6, rows),
            "latitude_deg": rng.uniform(41.7, 42.0, rows),
            "cell_id": cell_ids(easting, northing, 26916, 250),
            "district_code": pl.Series(rng.integers(1, 25, rows)).cast(pl.String),
        }
    ).with_columns(
        occurred_to="occurred_from",
        published_at=pl.col("occurred_from") + timedelta(days=1),
        known_at=pl.col("occurred_from") + timedelta(days=1),
        record_type=pl.lit("recorded_fact"),
        occurred_precision=pl.lit("minute"),
        location_method=pl.lit("street"),
        location_precision_m=pl.lit(100.0),
    )
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in INCIDENT.schema.items() if name not in made.columns]
    return window, made.with_columns(missing).select(INCIDENT.columns)


def load_all(url: sa.URL, total: int) -> float:
    """Check and load every window; seconds, without the making of the rows."""
    seconds, plan = 0.0, Plan(TERRITORY, FEED, INCIDENT)
    for number in range(max(1, total // WINDOW_ROWS)):
        window, rows = window_rows(number, min(total, WINDOW_ROWS))
        started = time.perf_counter()
        with loading(url, LoadWindow("bench", "incidents", INCIDENT, window)) as load:
            for chunk in rows.iter_slices(CHUNK_ROWS):
                checked = check(chunk, chunk.with_columns(pl.lit(None, pl.String).alias(UNUSABLE)), plan)
                load.add(checked.accepted, checked.rejected)
        seconds += time.perf_counter() - started
    return seconds


def copy_all(url: sa.URL, total: int) -> float:
    r"""``\copy`` the same rows, all the columns of the raw table, from a CSV file; seconds."""
    columns = "territory_code, feed_id, version_number, content_hash, is_withdrawn, loaded_at, load_id"
    seconds = 0.0
    with tempfile.NamedTemporaryFile(suffix=".csv") as file, sa.create_engine(url).begin() as connection:
        connection.execute(sa.text("create table public.heap as select * from raw.incident limit 0"))
        connection.commit()
        for number in range(max(1, total // WINDOW_ROWS)):
            _, rows = window_rows(number, min(total, WINDOW_ROWS))
            added = rows.with_columns(
                territory_code=pl.lit("bench"),
                feed_id=pl.lit("incidents"),
                version_number=1,
                content_hash=pl.lit(r"\x00112233445566778899aabbccddeeff"),
                is_withdrawn=False,
                loaded_at=pl.lit(datetime.now(UTC)),
                load_id=1,
            )
            added.write_csv(file.name)
            seconds += copied(url, f"public.heap ({', '.join(rows.columns)}, {columns})", file.name)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    arguments = parser.parse_args()
    with scratch_warehouse() as admin:
        copied = copy_all(admin, arguments.rows)
        first = load_all(role_url("loader"), arguments.rows)
        unchanged = load_all(role_url("loader"), arguments.rows)
    figures = {
        "rows": arguments.rows,
        "copy_seconds": round(copied, 2),
        "first_seconds": round(first, 2),
        "unchanged_seconds": round(unchanged, 2),
        "first_ratio": round(first / copied, 2),
        "unchanged_ratio": round(unchanged / copied, 2),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(
        json.dumps(figures) if arguments.json else "\n".join(f"{name:<18} {value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
