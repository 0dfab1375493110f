r"""One day of a large city: every feed of the demo city, over HTTP into PostgreSQL, against ``\copy`` of the same rows.

    python -m benchmarks.city_day [--population 870000] [--json]

A SIMULATED city, half a year after its history begins: sources that send whole files send half a year. The portal and
the partner's database are made in a process of their own. Each feed is read and checked once, and its rows thrown away,
before its clock starts, so that the portal has made them, and libraries and language models are in memory; then it is
extracted, checked and loaded, as a scheduled run does. The clock goes on while the portal answers; ``processor`` is the
loading process alone, seconds, as all times. A feed whose source has forgotten the day is read for the 24 hours until
the portal's now. Memory is the peak of the loading process. The same records, and the columns that the load adds, are
then copied as CSV into logged heaps without index, feed by feed; all loads have to balance. Exit code 1: a feed was
refused.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa

from benchmarks.server import copied, psql, scratch_warehouse
from observatory.contracts import CONTRACTS
from observatory.errors import ObservatoryError
from observatory.feeds import open_reader
from observatory.feeds.files import inbox
from observatory.ingest import extract
from observatory.records.admit import admit
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.settings import signals_folder, state_folder
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.text.tone import tone
from observatory.warehouse.connection import plain, role_url
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window

DAY = date(2021, 6, 16)
NOW = datetime(2021, 6, 19, 4, tzinfo=UTC)
"""The portal's: later than the day, as its sources are."""
SQL_TYPES = {pl.String: "text", pl.Boolean: "boolean", pl.Date: "date", pl.Datetime: "timestamptz", pl.Binary: "bytea"}


@dataclass
class Loaded:
    """What became of a feed, and how long it took: by the clock, and of this process's processor."""

    feed_id: str
    result: LoadResult = field(default_factory=LoadResult)
    seconds: float = 0.0
    processor_seconds: float = 0.0
    copy_seconds: float = 0.0
    refusal: str = ""

    def figures(self) -> dict[str, Any]:
        """As printed."""
        return {
            "feed": self.feed_id,
            "read": self.result.read_count,
            "accepted": self.result.accepted_count,
            "rejected": self.result.rejected_count,
            "unchanged": self.result.unchanged_count,
            "seconds": round(self.seconds, 2),
            "processor": round(self.processor_seconds, 2),
            "copy": round(self.copy_seconds, 2),
        }


def serve(population: int, partners: Path, operations: Path, addresses: Any) -> None:
    """The process of the portal and the partners: says its address, answers until it is ended."""
    from observatory.simulator import portal
    from observatory.simulator.partners import database, push

    ledger = portal.ledger_of(population=population, now=lambda: NOW)
    database.write_street_lights(ledger, partners)
    operations.write_bytes(push.declared(ledger.simulation, NOW))
    with portal.running(portal.demo_app(population=population, now=lambda: NOW)) as address:
        addresses.put(address)
        time.sleep(86_400)


@contextmanager
def served(population: int) -> Iterator[Territory]:
    """The demo city, read from the portal; its partners have left and sent what they have."""
    demo = load_territory("demo")
    operations = inbox.made(demo.feeds["operations"].source) / "operations.jsonl"
    context = multiprocessing.get_context("spawn")
    addresses = context.Queue()
    arguments = (population, state_folder() / "partners" / "demo", operations, addresses)
    process = context.Process(target=serve, args=arguments, daemon=True)
    process.start()
    try:
        yield demo.with_portal(addresses.get(timeout=600))
    finally:
        process.terminate()
        process.join()


def load(url: sa.URL, demo: Territory, feed_id: str) -> Loaded:
    """Load a feed's day."""
    feed, loaded = demo.feeds[feed_id], Loaded(feed_id)
    try:
        window = Window.of_day(DAY, demo.timezone)
        if not feed.source.is_inbox and not read(demo, feed_id, window) and feed.cadence_min:
            window = Window.between(NOW - timedelta(days=1), NOW, demo.timezone)
            read(demo, feed_id, window)
        started, processor = time.perf_counter(), time.process_time()
        loaded.result = extract.extract(url, demo, feed_id, window)
        loaded.seconds, loaded.processor_seconds = time.perf_counter() - started, time.process_time() - processor
    except ObservatoryError as error:
        loaded.refusal = str(error)
    return loaded


def read(demo: Territory, feed_id: str, window: Window) -> int:
    """Read and check a feed and throw its records away; how many there were."""
    ordinals, scored = Ordinals(), {"score": tone} if demo.feeds[feed_id].source.has_messages else {}
    chunks = open_reader(FeedWindow.of(demo, feed_id, window), **scored).read()
    return sum(admit(rows, Plan.of(demo, feed_id), ordinals).accepted.height for rows in chunks)


def copy(url: sa.URL, demo: Territory, feed_id: str) -> float:
    r"""``\copy`` what a feed has loaded into a heap; seconds of the copy alone."""
    contract, heap = CONTRACTS[demo.feeds[feed_id].kind], f"public.heap_{feed_id}"
    with tempfile.TemporaryDirectory() as folder:
        csv = f"{folder}/rows.csv"
        if contract.kind.is_signal:
            rows = pl.read_parquet(signals_folder() / "demo" / feed_id / "**" / "*.parquet", hive_partitioning=False)
            rows.write_csv(csv)
            columns = ", ".join(f"{name} {sql_type(dtype)}" for name, dtype in rows.schema.items())
            psql(url, f"create table {heap} ({columns})")
        else:
            psql(url, f"create table {heap} as select * from raw.{contract.name} limit 0")
            rows_of_feed = f"select * from raw.{contract.name} where feed_id = '{feed_id}'"
            psql(url, rf"\copy ({rows_of_feed}) to '{csv}' with (format csv, header)")
        return copied(url, heap, csv)


def sql_type(dtype: pl.DataType) -> str:
    if dtype.is_numeric():
        return "bigint" if dtype.is_integer() else "double precision"
    return SQL_TYPES[dtype.base_type()]


def require_balance(url: sa.URL) -> int:
    """Loads of the journal, all of which balance."""
    with psycopg.connect(plain(url)) as connection:
        total, balanced = connection.execute(
            "select count(*), count(*) filter ("
            "where read_count = accepted_count + rejected_count + unchanged_count + outside_count) "
            "from ops.load"
        ).fetchone()
    assert total == balanced > 0, (total, balanced)
    return total


def printed(figures: dict[str, Any]) -> None:
    feed, *cells = (f"{value:,}" if isinstance(value, int | float) else value for value in figures.values())
    print(f"{feed:<20}" + "".join(f"{cell:>11}" for cell in cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--population", type=int, default=870_000)
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    arguments = parser.parse_args()
    with scratch_warehouse() as admin:
        with served(arguments.population) as demo:
            url = role_url("loader")
            # zones first: what comes after them has a district
            feed_ids = sorted(demo.feeds, key=lambda feed_id: demo.feeds[feed_id].kind != "zone")
            feeds = [load(url, demo, feed_id) for feed_id in feed_ids]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        loads = require_balance(admin)
        for each in feeds:
            each.copy_seconds = 0.0 if each.refusal else copy(admin, demo, each.feed_id)
    total = Loaded("all")
    for each in feeds:
        total.result += each.result
        total.seconds += each.seconds
        total.processor_seconds += each.processor_seconds
        total.copy_seconds += each.copy_seconds
    rest = {
        "population": arguments.population,
        "ratio": round(total.seconds / total.copy_seconds, 1),
        "processor_ratio": round(total.processor_seconds / total.copy_seconds, 1),
        "balanced_loads": loads,
        "peak_mib": peak,
        "refused": {each.feed_id: each.refusal for each in feeds if each.refusal},
    }
    rows = [each.figures() for each in [*feeds, total]]
    if arguments.json:
        print(json.dumps({"feeds": rows, **rest}))
    else:
        printed({name: name for name in rows[0]})
        for row in rows:
            printed(row)
        print("\n".join(f"{name:<18} {value}" for name, value in rest.items()))
    raise SystemExit(bool(rest["refused"]))


if __name__ == "__main__":
    main()
