"""Each protocol's records per second, against the bare parse of the same bytes, and its memory.

    python -m benchmarks.feeds [--protocol ckan] [--rows 100000] [--json]

Three measures a protocol, each in a process of its own, in seconds of its processor: the bare parse (what the format's
own library takes for the same bytes), ``read`` (the feed), ``records`` (reader, minimisation, contract). Servers run
in another process. Memory is the peak of ``records`` with so many rows and with four times as many.
"""

from __future__ import annotations

import argparse
import gc
import io
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.feed_cases import CASES
from benchmarks.feed_cases.case import MONTH
from benchmarks.feed_cases.portals import KEY
from benchmarks.feed_cases.posts import SECRETS
from observatory.records.feed_window import FeedWindow
from observatory.records.plan import Plan
from observatory.window import Window

EMPTY = Window(date(2025, 3, 1), date(2025, 3, 2), "Europe/Paris")
"""A window without rows, read before the clock runs: libraries are imported when they are used first."""


def serve(name: str, rows: int, port: Any) -> None:
    """A server's process: says its address, answers until it is ended."""
    from observatory.simulator import portal, servers

    with portal.running(servers.app(CASES[name].prepare(Path(), rows))) as address:
        port.put(address)
        time.sleep(3600)


@contextmanager
def prepared(name: str, rows: int) -> Iterator[str]:
    """Address of the rows: a folder's, a database's, or that of a server in another process."""
    if CASES[name].bare:
        with tempfile.TemporaryDirectory() as folder:
            yield CASES[name].prepare(Path(folder), rows)
        return
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    server = context.Process(target=serve, args=(name, rows, port), daemon=True)
    server.start()
    try:
        yield port.get(timeout=120)
    finally:
        server.terminate()
        server.join()


def fetched(name: str, address: str) -> list[bytes]:
    """The bytes that a feed of JSON is sent, asked for as it asks."""
    import requests
    from dlt.sources.helpers.rest_client import RESTClient

    from observatory.feeds import open_reader

    asked: list[tuple[str, Any]] = []
    get = RESTClient.get

    def noted(self: RESTClient, path: str, params: Any = None, **options: Any) -> Any:
        response = get(self, path, params, **options)
        asked.append((response.url, response.request.headers))
        return response

    RESTClient.get = noted
    for _ in open_reader(FeedWindow.of(CASES[name].territory(address), "feed", MONTH)).read():
        pass
    RESTClient.get = get
    return [requests.get(url, headers=headers, timeout=600).content for url, headers in asked]


def measure(name: str, what: str, address: str) -> tuple[int, float, int]:
    """One measure: records, seconds of the processor, peak memory in MiB."""
    from observatory.contracts import CONTRACTS
    from observatory.feeds import open_reader
    from observatory.records.admit import admit
    from observatory.records.identity import Ordinals

    os.environ.update({"BENCHMARK_KEY": KEY, **SECRETS})
    case, count, ordinals = CASES[name], 0, Ordinals()
    territory = case.territory(address)
    CONTRACTS[case.kind].columns  # noqa: B018  contracts are imported before the clock runs
    for _ in open_reader(FeedWindow.of(territory, "feed", EMPTY)).read():
        pass
    bodies = fetched(name, address) if what == "bare" and not case.bare else []
    gc.collect()
    gc.freeze()  # one collection of all that the libraries hold would outlast the parse of a few megabytes
    started = time.process_time()
    if what == "bare":
        case.bare(address) if case.bare else [parsed(body) for body in bodies]
    else:
        for rows in open_reader(FeedWindow.of(territory, "feed", MONTH)).read():
            count += rows.height
            if what == "records":
                checked = admit(rows, Plan.of(territory, "feed"), ordinals)
                assert checked.rejected.is_empty(), checked.rejected["reason"][0]
    seconds = time.process_time() - started
    return count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def parsed(body: bytes) -> object:
    """JSON, or lines of JSON."""
    return [json.loads(line) for line in io.BytesIO(body)] if body.count(b"}\n{") else json.loads(body)


def alone(*arguments: str) -> tuple[int, float, int]:
    """``measure`` in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def figures(name: str, rows: int) -> dict[str, Any]:
    most = CASES[name].most_rows
    rows = min(rows, most or rows)
    with prepared(name, rows) as address:
        _, bare, _ = alone(name, "bare", address)
        read_count, read, _ = alone(name, "read", address)
        count, records, peak = alone(name, "records", address)
    assert read_count == count == rows, (name, read_count, count, rows)
    result = {
        "protocol": name,
        "rows": rows,
        "bare_per_s": round(rows / bare),
        "read_per_s": round(rows / read),
        "records_per_s": round(rows / records),
        "read_ratio": round(read / bare, 2),
        "records_ratio": round(records / bare, 2),
        "peak_mib": peak,
    }
    if not most:
        with prepared(name, 4 * rows) as address:
            result["peak_mib_4x"] = alone(name, "records", address)[2]
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--protocol", choices=CASES, action="append", help="one or several; all by default")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    arguments = parser.parse_args()
    measured = []
    for name in arguments.protocol or CASES:
        measured.append(figures(name, arguments.rows))
        if not arguments.json:
            print("  ".join(f"{key} {value}" for key, value in measured[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps(measured))


if __name__ == "__main__":
    main()
