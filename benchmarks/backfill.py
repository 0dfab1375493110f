r"""A history over HTTP into PostgreSQL by ``observatory backfill``, against its bare download and against ``\copy``.

    python -m benchmarks.backfill [--years 5] [--population 870000] [--kill 0] [--json]

The incidents of a SIMULATED city, from a portal in a process of its own (Socrata's protocol), in monthly windows. In
one run, on one server: the backfill as a person runs it, the start of its process (the same command when nothing is
left to read), the download of the same pages, kept nowhere, which is what the portal takes, and ``\copy`` of the same
rows as CSV into a logged heap without index. Memory is the peak of the process that reads. With ``--kill N`` the
backfill is done once more from nothing, killed so many times on the way (SIGKILL, at instants drawn at random) and
begun again; then the tables have to be the same, and every load in the journal once.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import psutil
import psycopg
import sqlalchemy as sa

from benchmarks.server import copied, psql, scratch_warehouse
from observatory.feeds.socrata import PAGE_ROWS
from observatory.ingest.history_windows import windows_of_history
from observatory.territory.city import corrected_for
from observatory.territory.files import load_territory
from observatory.warehouse.connection import plain

FEED = "incidents"
DEMO = load_territory("demo")
SINCE = DEMO.feeds[FEED].history_start or date.min
LOOKS_EVERY_S = 0.02
JOURNAL = f"from ops.load where feed_id = '{FEED}'"
OF_THE_LOADING = ("load_id", "loaded_at", "rejected_at")


def serve(today: date, population: int, addresses: Any) -> None:
    """The portal's process: says its address, answers until it is ended."""
    from observatory.simulator.portal import demo_app, running

    with running(demo_app(today, population=population)) as address:
        addresses.put(address)
        time.sleep(86_400)


@contextmanager
def portal(until: date, population: int) -> Iterator[tuple[str, psutil.Process]]:
    """The simulated city's portal, when the last day asked for is corrected no more; its address and its process."""
    context = multiprocessing.get_context("spawn")
    addresses = context.Queue()
    today = until + corrected_for(DEMO, FEED) + timedelta(days=1)
    process = context.Process(target=serve, args=(today, population, addresses), daemon=True)
    process.start()
    try:
        yield addresses.get(timeout=600), psutil.Process(process.pid)
    finally:
        process.terminate()
        process.join()


def begin(until: date, address: str) -> subprocess.Popen[bytes]:
    """Begin the backfill, or go on with it."""
    command = [sys.executable, "-m", "observatory.cli", "backfill", "demo", FEED, "--since", str(SINCE)]
    return subprocess.Popen([*command, "--until", str(until), "--portal", address], stdout=subprocess.DEVNULL)


def backfill(until: date, address: str) -> tuple[float, float, int]:
    """The backfill to its end: seconds with the start of its process, those of its processor, peak memory in MiB."""
    started = time.perf_counter()
    _, status, usage = os.wait4(begin(until, address).pid, 0)
    assert status == 0, status
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def backfill_killed(url: sa.URL, until: date, address: str, kills: int) -> tuple[float, int]:
    """The backfill, killed at random instants and begun again: seconds, and how often it was killed while it ran."""
    windows, drawn, killed = len(windows_of_history(DEMO, [FEED], SINCE, until)), random.Random(1), 0
    started = time.perf_counter()
    with psycopg.connect(plain(url), autocommit=True) as connection:
        for instant in sorted(drawn.uniform(0, windows) for _ in range(kills)):
            process = begin(until, address)
            while process.poll() is None and connection.execute(f"select count(*) {JOURNAL}").fetchone()[0] < instant:
                time.sleep(LOOKS_EVERY_S)
            time.sleep(drawn.uniform(0, 0.2))
            process.kill()
            killed += process.wait() < 0
    assert begin(until, address).wait() == 0
    return time.perf_counter() - started, killed


def download(until: date, address: str) -> tuple[float, int, int]:
    """The pages that the feed asks for, one after the other, kept nowhere: seconds, rows, bytes."""
    source = DEMO.feeds[FEED].source
    rows = size = 0
    started = time.perf_counter()
    with httpx.Client(trust_env=False, timeout=600) as client:
        for _, window in windows_of_history(DEMO, [FEED], SINCE, until):
            begun, count = rows, -1
            where = f"occurred_at >= '{window.first_day}T00:00:00' and occurred_at < '{window.end_day}T00:00:00'"
            asked = {"$where": where, "$order": "occurred_at, incident_id", "$limit": PAGE_ROWS}
            while count:
                answer = client.get(
                    f"{address}/resource/{source.resource}.json", params={**asked, "$offset": rows - begun}
                )
                count = answer.raise_for_status().content.count(b'"incident_id":')
                rows, size = rows + count, size + len(answer.content)
    return time.perf_counter() - started, rows, size


def copy(url: sa.URL) -> float:
    r"""``\copy`` what was loaded from a CSV file into a heap; seconds."""
    psql(url, "create table public.heap as select * from raw.incident limit 0")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        psql(url, rf"\copy raw.incident to '{file.name}' with (format csv, header)")
        return copied(url, "public.heap", file.name)


def tables(url: sa.URL) -> dict[str, tuple[int, str]]:
    """Rows of each table and a hash of them, regardless of their order, without the columns that depend on the load."""
    less = "{" + ",".join(OF_THE_LOADING) + "}"
    with psycopg.connect(plain(url)) as connection:
        return {
            table: connection.execute(
                f"select count(*), coalesce(sum(hashtextextended((to_jsonb(t) - %s::text[])::text, 0)), 0)::text "
                f"from raw.{table} as t",
                [less],
            ).fetchone()
            for table in ("incident", "rejected")
        }


def is_balanced(url: sa.URL, until: date, rows: int) -> bool:
    """Whether the journal has every window once, all rows that the portal sent, and as many as the tables."""
    counts = "count(*), count(distinct window_start), sum(read_count), sum(accepted_count), sum(rejected_count)"
    with psycopg.connect(plain(url)) as connection:
        counted = connection.execute(f"select {counts}, sum(unchanged_count) {JOURNAL}").fetchone()
    windows, held = len(windows_of_history(DEMO, [FEED], SINCE, until)), tables(url)
    return counted == (windows, windows, rows, held["incident"][0], held["rejected"][0], 0)


def measure(url: sa.URL, years: int, population: int, kills: int) -> dict[str, Any]:
    until = SINCE.replace(year=SINCE.year + years)
    with portal(until, population) as (address, process):
        before = sum(process.cpu_times()[:2])
        seconds, processor, peak = backfill(until, address)
        of_portal = sum(process.cpu_times()[:2]) - before
        start, _, _ = backfill(until, address)
        bare, rows, size = download(until, address)
        expected, balanced = tables(url), is_balanced(url, until, rows)
        copy_seconds = copy(url)
        figures = {
            "population": population,
            "windows": len(windows_of_history(DEMO, [FEED], SINCE, until)),
            "rows": rows,
            "download_mb": round(size / 1e6),
            "seconds": round(seconds, 2),
            "rows_per_s": round(rows / seconds),
            "start_seconds": round(start, 2),
            "cpu_seconds": round(processor, 2),
            "portal_cpu_seconds": round(of_portal, 2),
            "download_seconds": round(bare, 2),
            "copy_seconds": round(copy_seconds, 2),
            "download_ratio": round(seconds / bare, 2),
            "copy_ratio": round(seconds / copy_seconds, 2),
            "peak_mib": peak,
            "journal_balances": balanced,
        }
        if kills:
            psql(url, "truncate raw.incident, raw.rejected, ops.load, ops.withdrawn_at_source")
            killed_seconds, killed = backfill_killed(url, until, address, kills)
            figures |= {
                "killed": killed,
                "killed_seconds": round(killed_seconds, 2),
                "killed_tables_are_same": tables(url) == expected,
                "killed_journal_balances": is_balanced(url, until, rows),
            }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--population", type=int, default=870_000)
    parser.add_argument("--kill", type=int, default=0, help="how often a second backfill is killed on its way")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    arguments = parser.parse_args()
    with scratch_warehouse() as admin:
        figures = measure(admin, arguments.years, arguments.population, arguments.kill)
    print(
        json.dumps(figures) if arguments.json else "\n".join(f"{name:<24} {value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
