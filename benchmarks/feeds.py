"""Each protocol's records per second, against the bare parse of the same bytes, and its memory.

    python -m benchmarks.feeds [--protocol ckan] [--rows 100000] [--json]

Three measures a protocol, each in a process of its own, in seconds of its processor: the bare parse (what the format's
own library takes for the same bytes), ``read`` (the feed), ``records`` (the feed, the door, the contract). Servers run
in another process. Memory is the peak of ``records`` with so many rows and with four times as many.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from observatory.territory import Territory, load_territory
from observatory.window import Window

MONTH = Window(date(2026, 3, 1), date(2026, 4, 1), "Europe/Paris")
EMPTY = Window(date(2025, 3, 1), date(2025, 3, 2), "Europe/Paris")
"""A window without rows, read before the clock runs: libraries are imported when they are used first."""
KEY = "made-up-key"
INCIDENT = {"source_record_id": "number", "source_category_code": "type", "occurred_from": "at"}
DEGREES = {"longitude_deg": "lon", "latitude_deg": "lat"}
POLICE = {"constants": {"record_type": "police_log"}, "clock": "utc"}
FRAME = {"number": "int", "type": "text", "at": "datetime", "lon": "double", "lat": "double"}


@dataclass(frozen=True)
class Case:
    """A protocol as it is measured.

    Attributes:
        source: what a territory file says of it, less the address.
        columns: which are read.
        prepare: makes the rows in a folder; gives the address, or what answers requests.
        bare: parses the bytes at an address; by default the JSON that came.
        settings: further parts of the feed.
        kind: of record.
        most_rows: where the protocol has an end.
    """

    source: dict[str, Any]
    columns: dict[str, Any]
    prepare: Callable[[Path, int], Any]
    bare: Callable[[str], object] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    kind: str = "incident"
    most_rows: int | None = None

    def territory(self, address: str) -> Territory:
        """The demo city with this feed, called ``feed``."""
        demo = load_territory("demo").model_dump(exclude={"feeds"})
        feed = {
            "kind": self.kind, "source": {**self.source, "address": address}, "columns": self.columns,
            "owner": "City", "licence": "made up", **self.settings,
        }  # fmt: skip
        return Territory.model_validate({**demo, "feeds": {"feed": feed}})


def moments(rows: int) -> list[datetime]:
    """Moments of the month, in order."""
    step = timedelta(days=30) / rows
    return [datetime(2026, 3, 1, 1, tzinfo=UTC) + number * step for number in range(rows)]


def table(rows: int) -> list[dict[str, Any]]:
    return [
        {"number": n, "type": "BRUIT", "at": f"{at:%Y-%m-%dT%H:%M:%S+00:00}", "lon": 5.0 + n % 100 / 2e3, "lat": 43.3}
        for n, at in enumerate(moments(rows))
    ]


def opendatasoft(_: Path, rows: int) -> Any:
    from observatory.simulator import protocols

    return protocols.opendatasoft(table(rows), FRAME)


def ckan(_: Path, rows: int) -> Any:
    from observatory.simulator import protocols

    return protocols.ckan(table(rows), FRAME)


def arcgis(_: Path, rows: int) -> Any:
    from observatory.simulator import protocols

    features = [
        {"OBJECTID": n, "type": "BRUIT", "at": int(at.timestamp()) * 1000, "geometry": {"x": 5.0, "y": 43.3}}
        for n, at in enumerate(moments(rows))
    ]
    types = {"OBJECTID": "esriFieldTypeOID", "type": "esriFieldTypeString", "at": "esriFieldTypeDate"}
    return protocols.arcgis(features, types)


def open311(_: Path, rows: int) -> Any:
    from observatory.simulator import protocols

    return protocols.open311(
        [
            {"service_request_id": n, "service_code": "006", "status": "open", "address": "1 rue X", "lat": 43.3,
             "requested_datetime": f"{at:%Y-%m-%dT%H:%M:%SZ}", "long": 5.0}
            for n, at in enumerate(moments(rows))
        ]
    )  # fmt: skip


def openagenda(_: Path, rows: int) -> Any:
    from observatory.simulator import protocols

    events = [
        {"uid": n, "title": "Concert", "location": {"longitude": 5.0, "latitude": 43.3},
         "timings": [{"begin": f"{at:%Y-%m-%dT%H:%M:%S+00:00}", "end": f"{at + timedelta(1):%Y-%m-%dT%H:%M:%S+00:00}"}]}
        for n, at in enumerate(moments(rows))
    ]  # fmt: skip
    return protocols.openagenda(events, KEY)


def csv(folder: Path, rows: int, packed: str = "") -> str:
    import gzip

    text = pl.DataFrame(table(rows)).write_csv()
    (folder / f"log.csv{packed}").write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    return str(folder)


def parquet(folder: Path, rows: int) -> str:
    pl.DataFrame(table(rows)).write_parquet(folder / "log.parquet", row_group_size=50_000)
    return str(folder)


def xlsx(folder: Path, rows: int) -> str:
    pl.DataFrame(table(rows)).write_excel(folder / "log.xlsx", autofilter=False)
    return str(folder)


def sqlite(folder: Path, rows: int) -> str:
    with sqlite3.connect(folder / "log.db") as connection:
        connection.execute("create table log (number integer, type text, at text, lon real, lat real)")
        connection.executemany("insert into log values (:number, :type, :at, :lon, :lat)", table(rows))
    return f"sqlite:///{folder}/log.db"


def icalendar(folder: Path, rows: int) -> str:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTART:{at:%Y%m%dT%H%M%SZ}\r\nDTEND:{at + timedelta(1):%Y%m%dT%H%M%SZ}\r\n"
        "SUMMARY:Concert\r\nEND:VEVENT\r\n"
        for n, at in enumerate(moments(rows))
    )
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//city//\r\n{events}END:VCALENDAR\r\n"
    (folder / "log.ics").write_text(text, newline="")
    return str(folder)


def baac(folder: Path, rows: int) -> str:
    numbers = [f"2026{n:08}" for n in range(rows)]
    at = [moment.astimezone(ZoneInfo(MONTH.timezone)) for moment in moments(rows)]
    tables = {
        "caract-2026": {"Num_Acc": numbers, "jour": [f"{m.day}" for m in at], "mois": [f"{m.month}" for m in at],
                        "an": "2026", "hrmn": [f"{m:%H:%M}" for m in at], "dep": "13", "com": "13201", "lum": "1",
                        "lat": "43,3000000", "long": "5,0000000"},
        "lieux-2026": {"Num_Acc": numbers, "catr": "4"},
        "usagers-2026": {"Num_Acc": numbers * 2, "grav": "4", "an_nais": "1990"},
        "vehicules-2026": {"Num_Acc": numbers * 2, "catv": "7"},
    }  # fmt: skip
    for name, columns in tables.items():
        pl.DataFrame(columns).write_csv(folder / f"{name}.csv", separator=";")
    return str(folder)


def bare_csv(address: str, pattern: str = "log.csv", separator: str = ",") -> object:
    return [pl.read_csv(path, separator=separator, infer_schema=False) for path in Path(address).glob(pattern)]


def bare_xlsx(address: str) -> object:
    return pl.read_excel(f"{address}/log.xlsx", engine="calamine")


def bare_sqlite(address: str) -> object:
    with sqlite3.connect(address.removeprefix("sqlite:///")) as connection:
        return connection.execute("select number, type, at, lon, lat from log").fetchall()


def bare_icalendar(address: str) -> object:
    import icalendar as library

    return library.Calendar.from_ical(Path(address, "log.ics").read_bytes())


ODS = {"protocol": "opendatasoft", "dataset": "log"}
OFFSET = {**POLICE, "date_formats": ["%Y-%m-%dT%H:%M:%S%z"]}
TABLE = {**INCIDENT, **DEGREES}
EVENT = {"title": "title", "occurred_from": "timing.begin", "occurred_to": "timing.end"}
CASES = {
    "opendatasoft_pages": Case(ODS, TABLE, opendatasoft, None, OFFSET, most_rows=10_000),
    "opendatasoft_export": Case(ODS, TABLE, opendatasoft, None, OFFSET),
    "arcgis": Case(
        {"protocol": "arcgis", "layer": 0},
        {**INCIDENT, "source_record_id": "OBJECTID", "point": "geometry"},
        arcgis, None, {**POLICE, "date_formats": ["%s%3f"]},
    ),
    "ckan": Case({"protocol": "ckan", "resource": "log"}, TABLE, ckan, None, OFFSET),
    "open311": Case(
        {"protocol": "open311"},
        {"source_record_id": "service_request_id", "service_code": "service_code", "status": "status",
         "occurred_from": "requested_datetime", "longitude_deg": "long", "latitude_deg": "lat"},
        open311, None, {"date_formats": ["%Y-%m-%dT%H:%M:%S%#z"]}, "citizen_report",
    ),
    "openagenda": Case(
        {"protocol": "openagenda", "agenda": 1, "key": "BENCHMARK_KEY"},
        {**EVENT, "source_record_id": "timing_id", "longitude_deg": "location.longitude",
         "latitude_deg": "location.latitude"},
        openagenda, None, {"date_formats": ["%Y-%m-%dT%H:%M:%S%z"]}, "city_event",
    ),
    "csv": Case({"protocol": "file", "path": "log.csv"}, TABLE, csv, bare_csv, OFFSET),
    "csv_gz": Case({"protocol": "file", "path": "log.csv.gz"}, TABLE, partial(csv, packed=".gz"),
                   partial(bare_csv, pattern="log.csv.gz"), OFFSET),
    "parquet": Case({"protocol": "file", "path": "log.parquet"}, TABLE, parquet,
                    lambda address: pl.read_parquet(f"{address}/log.parquet"), OFFSET),
    "xlsx": Case({"protocol": "file", "path": "log.xlsx"}, TABLE, xlsx, bare_xlsx, OFFSET),
    "sqlite": Case({"protocol": "database", "table": "log"}, TABLE, sqlite, bare_sqlite, OFFSET),
    "baac": Case(
        {"protocol": "baac"},
        {"source_record_id": "Num_Acc", "occurred_from": "at", "department_code": "dep", "municipality_code": "com",
         "longitude_deg": "long", "latitude_deg": "lat", "severity": "severity", "vehicle_count": "vehicle_count",
         "involved_count": "involved_count", "light_code": "lum"},
        baac, partial(bare_csv, pattern="*.csv", separator=";"), {"date_formats": ["%Y-%m-%d %H:%M"]}, "accident",
    ),
    "icalendar": Case(
        {"protocol": "icalendar", "path": "log.ics"},
        {"source_record_id": "occurrence_id", "title": "summary", "occurred_from": "start", "occurred_to": "end"},
        icalendar, bare_icalendar, {"date_formats": ["%Y-%m-%dT%H:%M:%S%z"]}, "city_event",
    ),
}  # fmt: skip
"""Protocol to how it is measured; a new one is a line here."""


def serve(name: str, rows: int, port: Any) -> None:
    """A server's process: says its address, answers until it is ended."""
    from observatory.simulator import portal, protocols

    with portal.running(protocols.app(CASES[name].prepare(Path(), rows))) as address:
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

    from observatory.feeds import open_feed

    asked: list[tuple[str, Any]] = []
    get = RESTClient.get

    def noted(self: RESTClient, path: str, params: Any = None, **options: Any) -> Any:
        response = get(self, path, params, **options)
        asked.append((response.url, response.request.headers))
        return response

    RESTClient.get = noted
    for _ in open_feed(CASES[name].territory(address), "feed").read(MONTH):
        pass
    RESTClient.get = get
    return [requests.get(url, headers=headers, timeout=600).content for url, headers in asked]


def measure(name: str, what: str, address: str) -> tuple[int, float, int]:
    """One measure: records, seconds of the processor, peak memory in MiB."""
    from observatory.contracts import KINDS
    from observatory.feeds import open_feed
    from observatory.records import Ordinals, check, conform

    os.environ["BENCHMARK_KEY"] = KEY
    case, count, ordinals = CASES[name], 0, Ordinals()
    territory = case.territory(address)
    KINDS[case.kind].columns  # noqa: B018  contracts are imported before the clock runs
    for _ in open_feed(territory, "feed").read(EMPTY):
        pass
    bodies = fetched(name, address) if what == "bare" and not case.bare else []
    started = time.process_time()
    if what == "bare":
        case.bare(address) if case.bare else [parsed(body) for body in bodies]
    else:
        for rows in open_feed(territory, "feed").read(MONTH):
            count += rows.height
            if what == "records":
                checked = check(rows, conform(rows, territory, "feed", ordinals), territory, "feed")
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
