"""Parsing of texts, numbers and times as sources write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.contracts import parse
from observatory.territory.feed import FeedSettings

CITY = "America/Chicago"


def feed(*formats, **settings):
    given = {"feed_id": "log", "territory_file": "town.yml", "kind": "incident", "owner": "Town", "licence": "CC0-1.0"}
    given |= {"source": {"protocol": "file", "address": "folder", "path": "log.csv"}}
    return FeedSettings.model_validate(given | settings | ({"date_formats": formats} if formats else {}))


def read(columns, declared, timezone=CITY):
    """The times of rows with the given columns, as texts in UTC; None where a time is not readable."""
    frame = pl.DataFrame(columns)
    times = frame.select(parse.moment(frame.columns, frame.dtypes[0], declared, timezone)).to_series()
    return times.dt.strftime("%Y-%m-%d %H:%M:%S").to_list()


def test_digits_without_leading_zeros_are_read_from_the_right():
    times = ["5", "45", "120", "0120", "1859", "220", "2400", "18:59", "12345"]
    found = read({"day": ["2024-02-10"] * len(times), "time": times}, feed("%Y-%m-%d %H%M", clock="utc"))
    expected = ["00:05", "00:45", "01:20", "01:20", "18:59", "02:20", None, None, None]
    assert found == [time and f"2024-02-10 {time}:00" for time in expected]


def test_a_day_and_seconds_without_their_leading_zeros():
    found = read({"day": ["7022024", "17022024"], "time": ["70905", "905"]}, feed("%d%m%Y %H%M%S", clock="utc"))
    assert found == ["2024-02-07 07:09:05", "2024-02-17 00:09:05"]
    assert read({"day": ["7022024", "722024"]}, feed("%d%m%Y", clock="utc")) == ["2024-02-07 00:00:00", None]


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Float64])
def test_numbers_in_files_with_types_are_read_like_their_texts(dtype):
    columns = {"day": pl.Series([20240210, 20240211], dtype=dtype), "time": pl.Series([5, 120], dtype=dtype)}
    assert read(columns, feed("%Y%m%d %H%M", clock="utc")) == ["2024-02-10 00:05:00", "2024-02-11 01:20:00"]


@settings(deadline=None)
@given(st.datetimes(datetime(1991, 1, 1), datetime(2025, 12, 31)))
def test_times_without_leading_zeros_are_read_as_written(moment):
    moment = moment.replace(microsecond=0)
    day, time = f"{moment:%Y%m%d}", str(int(f"{moment:%H%M%S}"))
    found = read({"day": [day], "time": [time]}, feed("%Y%m%d %H%M%S", clock="utc"))
    assert found == [f"{moment:%Y-%m-%d %H:%M:%S}"]


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("%Y-%m-%dT%H:%M:%SZ", "2024-07-05T23:30:00Z"),
        ("%Y-%m-%d %H:%M:%S UTC", "2024-07-05 23:30:00 UTC"),
        ("%Y-%m-%dT%H:%M:%S+00:00", "2024-07-05T23:30:00+00:00"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-07-05T23:30:00Z"),
        ("%Y-%m-%dT%H:%M:%S%:z", "2024-07-05T23:30:00Z"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-07-06T01:30:00+0200"),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-07-06T01:30:00+02:00"),
    ],
)
def test_an_offset_in_the_value_takes_precedence_over_the_clock(form, written):
    for clock in ("local", "utc", None):
        assert read({"at": [written]}, feed(form, clock=clock)) == ["2024-07-05 23:30:00"]


def test_a_row_with_a_day_and_no_time_is_read_by_the_format_of_the_day():
    declared = feed("%Y-%m-%d %H:%M", "%Y-%m-%d", clock="utc")
    columns = {"day": ["2024-02-10", "2024-02-10", None, None], "time": ["09:15", " ", "09:15", None]}
    assert read(columns, declared) == ["2024-02-10 09:15:00", "2024-02-10 00:00:00", None, None]
    written = pl.DataFrame(columns).select(parse.time_text("day", "time").alias("at"))
    found = written.select(parse.precision(pl.col("at"), declared, CITY)).to_series()
    assert found.to_list()[:2] == ["minute", "day"]
    assert parse.precision(pl.col("at"), feed("%Y-%m-%d"), CITY) is None


@pytest.mark.parametrize(("clock", "expected"), [(None, "06:00"), ("utc", "06:00"), ("local", "12:00")])
@pytest.mark.parametrize(("form", "scale"), [("%s", 1), ("%s%3f", 1000)])
def test_the_feeds_clock_decides_whether_seconds_since_1970_are_local(clock, expected, form, scale):
    seconds = int(datetime(2024, 2, 10, 6, tzinfo=UTC).timestamp())
    for written in (str(seconds * scale), seconds * scale, float(seconds * scale)):
        assert read({"at": [written]}, feed(form, clock=clock)) == [f"2024-02-10 {expected}:00"]


def test_an_impossible_time_is_unreadable():
    tomorrow, later = (datetime.now(UTC) + timedelta(days=days) for days in (0.9, 2))
    times = ["1900-01-01 00:00", "1970-01-01 00:00", "2099-12-31 00:00", f"{later:%Y-%m-%d %H:%M}"]
    assert read({"at": times}, feed("%Y-%m-%d %H:%M", clock="utc")) == [None] * 4
    assert read({"at": [f"{tomorrow:%Y-%m-%d %H:%M}"]}, feed("%Y-%m-%d %H:%M", clock="utc")) != [None]
    old = feed("%Y-%m-%d", history_start="1965-01-01", clock="utc")
    assert read({"at": ["1970-03-01"]}, old) == ["1970-03-01 00:00:00"]


def test_seconds_declared_as_milliseconds_are_unreadable():
    assert read({"at": ["1707544800"]}, feed("%s%3f")) == [None]
    assert read({"at": ["1707544800000"]}, feed("%s")) == [None]


@pytest.mark.parametrize("stored", [["7.0", "8.0", "8.5", "x.0", "-3.0"], [7.0, 8.0, 8.5, None, -3.0]])
def test_an_integer_written_as_a_decimal_is_read_as_the_integer(stored):
    frame = pl.DataFrame({"id": stored})
    found = frame.select(parse.text("id")).to_series().to_list()
    assert [found[0], found[1], found[2], found[4]] == ["7", "8", "8.5", "-3"]
