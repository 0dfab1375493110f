"""GTFS: a timetable as a ZIP archive of CSV tables. A row is a stop of a trip on a service day."""

from __future__ import annotations

import io
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from observatory.contracts.parse import to_utc
from observatory.feeds.base import require_columns
from observatory.feeds.files.unpack import TooLarge, unpack
from observatory.feeds.json_source import JsonClient, JsonReader
from observatory.territory.sources import GtfsSource
from observatory.window import Window

DATE = "date"
"""Column of the service day, written as in ``calendar_dates.txt``: 20260329."""

_NEEDED = ("stop_times", "trips", "stops", "routes")
_TABLES = (*_NEEDED, "calendar", "calendar_dates", "feed_info", "frequencies")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIMES = ("arrival_time", "departure_time")
_EXPECTED = "a GTFS archive"
# a service day continues after midnight, and begins on the evening before when the clocks change
_DAYS_BEFORE, _DAYS_AFTER = 2, 1


class GtfsReader(JsonReader[GtfsSource]):
    """Stops of trips in a window, whichever service day they belong to; one service day is in memory at a time.

    The columns are those of ``stop_times``, ``trips``, ``stops``, ``routes`` and ``feed_info``, and ``date``. The time
    of a stop without one is interpolated between its neighbours by ``stop_sequence``, as GTFS requires; a trip that
    runs at a headway becomes one trip per departure.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        archive = self.api.fetch(self.source.path, _EXPECTED)
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            tables = _unpacked(self.api, archive, Path(folder))
            del archive
            try:
                stops = _stops_of_trips(tables)
                require_columns(self.subject, self.plan, stops.collect_schema().names(), are_all=True)
                for day in _service_days(self.window):
                    yield self._of_day(tables, stops, day)
            except pl.exceptions.PolarsError as error:
                raise self.api.changed(f"a table cannot be read ({str(error).splitlines()[0]})", _EXPECTED) from None

    def _of_day(self, tables: dict[str, pl.LazyFrame], stops: pl.LazyFrame, day: date) -> pl.DataFrame:
        """The rows of one service day that lie in the window."""
        window = self.window
        services = _running(tables, day)
        if services.is_empty():
            return pl.DataFrame(schema=dict.fromkeys(self.feed.read_columns, pl.String()))
        running = stops.filter(pl.col("service_id").is_in(services.implode()))
        needed = dict.fromkeys((*self.feed.read_columns, "trip_id", "stop_sequence", *_TIMES))
        rows = _timed(running.select(*needed).collect(engine="streaming"))
        if "frequencies" in tables:
            rows = _repeated(rows, tables["frequencies"].collect())
        given = self.feed.sources_of("service_time")
        seconds = _seconds(given[0] if given and given[0] in _TIMES else "departure_time")
        noon = to_utc(pl.lit(day).cast(pl.Datetime("us")).dt.offset_by("12h"), window.timezone)
        moment = noon + pl.duration(seconds=seconds - 12 * 3600)
        # a stop with an unreadable time is read with its service day, and rejected there
        is_inside = moment.is_between(window.start, window.end, closed="left")
        is_of_day = pl.lit(window.first_day <= day < window.end_day)
        return (
            rows.filter(is_inside.fill_null(is_of_day))
            .with_columns(pl.lit(f"{day:%Y%m%d}").alias(DATE))
            .select(self.feed.read_columns)
        )


def _unpacked(api: JsonClient, archive: bytes, folder: Path) -> dict[str, pl.LazyFrame]:
    """Unpack the tables, from whichever folder of the archive they are in, and scan them."""
    tables = {}
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            for name in files.namelist():
                table = Path(name).stem
                if Path(name).suffix == ".txt" and table in _TABLES:
                    with files.open(name) as packed, (folder / f"{table}.txt").open("wb") as unpacked:
                        unpack(packed, unpacked)
                    tables[table] = pl.scan_csv(folder / f"{table}.txt", infer_schema=False, glob=False)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise api.truncated(f"the archive is broken ({error})", _EXPECTED) from None
    except TooLarge as error:
        raise api.changed(
            f"its {name} is {error}", f"{_EXPECTED}, or a higher OBSERVATORY_UNPACKED_LIMIT_BYTES"
        ) from None
    absent = [f"{table}.txt" for table in _NEEDED if table not in tables]
    if "calendar" not in tables and "calendar_dates" not in tables:
        absent.append("calendar.txt or calendar_dates.txt")
    if absent:
        raise api.changed(f"the archive has no {', '.join(absent)}", _EXPECTED)
    return tables


def _stops_of_trips(tables: dict[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Each stop time with its trip, stop and route, and the timetable's version if it has one."""
    joined = tables["stop_times"]
    for table, key in (("trips", "trip_id"), ("stops", "stop_id"), ("routes", "route_id")):
        known = set(joined.collect_schema().names())
        other = tables[table]
        own = [name for name in other.collect_schema().names() if name == key or name not in known]
        joined = joined.join(other.select(own), on=key, how="left")
    version = pl.lit(None, pl.String)
    if "feed_info" in tables and "feed_version" in tables["feed_info"].collect_schema().names():
        versions = tables["feed_info"].select("feed_version").head(1).collect().to_series()
        version = pl.lit(versions.first(), pl.String)
    return joined.with_columns(version.alias("feed_version"), pl.lit(None, pl.String).alias(DATE))


def _service_days(window: Window) -> Iterator[date]:
    day = window.first_day - timedelta(days=_DAYS_BEFORE)
    while day < window.end_day + timedelta(days=_DAYS_AFTER):
        yield day
        day += timedelta(days=1)


def _running(tables: dict[str, pl.LazyFrame], day: date) -> pl.Series:
    """Services that run on a day: those of its weekday, plus those added and minus those removed for that date."""
    written = f"{day:%Y%m%d}"
    services = pl.Series("service_id", [], dtype=pl.String)
    if "calendar" in tables:
        is_valid = (pl.col("start_date") <= written) & (pl.col("end_date") >= written)
        runs = pl.col(_WEEKDAYS[day.weekday()]).str.strip_chars() == "1"
        services = tables["calendar"].filter(is_valid & runs).select("service_id").collect().to_series()
    if "calendar_dates" in tables:
        changed = tables["calendar_dates"].filter(pl.col("date").str.strip_chars() == written).collect()
        exception = pl.col("exception_type").str.strip_chars()
        added, taken = (changed.filter(exception == code)["service_id"] for code in ("1", "2"))
        services = pl.concat([services, added]).unique()
        services = services.filter(~services.is_in(taken.implode()))
    return services


def _seconds(column: str) -> pl.Expr:
    """Seconds since the start of the service day; null if the text is no time."""
    parts = pl.col(column).str.strip_chars().str.extract_groups(r"^(\d{1,2}):(\d{2}):(\d{2})$")
    hours, minutes, seconds = (parts.struct.field(name).cast(pl.Int64, strict=False) for name in ("1", "2", "3"))
    return hours * 3600 + minutes * 60 + seconds


def _clock(seconds: pl.Expr) -> pl.Expr:
    """Seconds since the start of the service day as GTFS writes times."""
    rounded = seconds.round().cast(pl.Int64)
    parts = (rounded // 3600, rounded // 60 % 60, rounded % 60)
    padded = (part.cast(pl.String).str.zfill(2) for part in parts)
    return pl.when(rounded.is_not_null()).then(pl.concat_str(list(padded), separator=":"))


def _timed(rows: pl.DataFrame) -> pl.DataFrame:
    """Interpolate missing times; if a stop has only one of arrival and departure, it is used for both."""
    is_empty = [pl.col(name).str.strip_chars().fill_null("") == "" for name in _TIMES]
    if not rows.select(is_empty[0].any() | is_empty[1].any()).item():
        return rows
    given = [pl.when(~empty).then(name).alias(name) for name, empty in zip(_TIMES, is_empty, strict=True)]
    rows = rows.with_columns(given).with_columns(
        pl.coalesce(*_TIMES).alias(_TIMES[0]), pl.coalesce(*reversed(_TIMES)).alias(_TIMES[1])
    )
    number = pl.col("stop_sequence").cast(pl.Float64, strict=False)
    between = (
        _seconds(name).cast(pl.Float64).interpolate_by(number).over("trip_id").alias(f"{name} between")
        for name in _TIMES
    )
    rows = rows.with_columns(*between)
    return rows.with_columns(pl.coalesce(name, _clock(pl.col(f"{name} between"))).alias(name) for name in _TIMES)


def _repeated(rows: pl.DataFrame, frequencies: pl.DataFrame) -> pl.DataFrame:
    """Replace trips that run at a headway by one trip per departure."""
    starts = (
        frequencies.select(
            "trip_id",
            departs=pl.int_ranges(
                _seconds("start_time"), _seconds("end_time"), pl.col("headway_secs").cast(pl.Int64, strict=False)
            ),
        )
        .explode("departs")
        .drop_nulls("departs")
    )
    pattern = rows.join(starts.select("trip_id").unique(), on="trip_id", how="semi")
    begins = pl.min_horizontal(*(_seconds(name) for name in _TIMES)).min().over("trip_id")
    repeated = pattern.with_columns(begins.alias("begins")).join(starts, on="trip_id", how="inner")
    shifted = (_clock(_seconds(name) + pl.col("departs") - pl.col("begins")).alias(name) for name in _TIMES)
    alone = rows.join(starts.select("trip_id").unique(), on="trip_id", how="anti")
    return pl.concat([alone, repeated.with_columns(*shifted).select(rows.columns)])
