"""Files and databases."""

from __future__ import annotations

import gzip
import sqlite3
from datetime import timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from benchmarks.feed_cases.case import ISO, MONTH, POLICE, TABLE, Case, moments, table


def csv(folder: Path, rows: int, packed: str = "") -> str:
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


FILES = {
    "csv": Case({"protocol": "file", "path": "log.csv"}, TABLE, csv, bare_csv, {**POLICE, **ISO}),
    "csv_gz": Case({"protocol": "file", "path": "log.csv.gz"}, TABLE, partial(csv, packed=".gz"),
                   partial(bare_csv, pattern="log.csv.gz"), {**POLICE, **ISO}),
    "parquet": Case({"protocol": "file", "path": "log.parquet"}, TABLE, parquet,
                    lambda address: pl.read_parquet(f"{address}/log.parquet"), {**POLICE, **ISO}),
    "xlsx": Case({"protocol": "file", "path": "log.xlsx"}, TABLE, xlsx, bare_xlsx, {**POLICE, **ISO}),
    "sqlite": Case({"protocol": "database", "table": "log"}, TABLE, sqlite, bare_sqlite, {**POLICE, **ISO}),
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
        icalendar, bare_icalendar, ISO, "city_event",
    ),
}  # fmt: skip
