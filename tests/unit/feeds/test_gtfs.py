"""GTFS archives: service days that end after midnight, clocks that change, tables that are not there."""

import io
import zipfile
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import SecretMissing, SourceChanged, SourceUnavailable
from tests.support.city import city, day, read, records, rows
from tests.support.server import first, hung_up, in_bytes, in_json, page_of_html, serving

COLUMNS = {
    "service_date": "date",
    "service_time": "departure_time",
    "trip_code": "trip_id",
    "line_code": "route_short_name",
    "stop_code": "stop_id",
    "stop_sequence": "stop_sequence",
    "feed_version": "feed_version",
    "longitude_deg": "stop_lon",
    "latitude_deg": "stop_lat",
}
TABLES = {
    "agency.txt": "agency_id,agency_name,agency_url,agency_timezone\n1,RTM,https://rtm.fr,Europe/Paris\n",
    "routes.txt": "\ufeffroute_id,route_short_name,route_type\nR1,B1,3\n",
    "trips.txt": "route_id,service_id,trip_id\nR1,week,T1\n",
    "stops.txt": "stop_id,stop_name,stop_lat,stop_lon\nS1,Vieux Port,43.2955,5.3745\nS2,Castellane,43.2860,5.3838\n",
    "stop_times.txt": "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
    "T1,23:50:00,23:50:00,S1,1\nT1,25:10:00,25:10:00,S2,2\n",
    "calendar.txt": "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
    "week,1,1,1,1,1,1,1,20260101,20261231\n",
}


def archive(**changed):
    """The archive as bytes; ``stop_times=…`` is another table, None leaves it out."""
    tables = {**TABLES, **{f"{name}.txt": text for name, text in changed.items()}}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as files:
        for name, text in tables.items():
            if text is not None:
                files.writestr(name, text)
    return made.getvalue()


def network(address, columns=COLUMNS, **more):
    source = {"protocol": "gtfs", "address": str(address), "path": "gtfs.zip"}
    more = {"constants": {"record_type": "planned"}, "date_formats": ["%Y%m%d"], **more}
    return city("transit_service", source, columns, **more)


@pytest.fixture
def folder(tmp_path):
    def lay(**changed):
        (tmp_path / "gtfs.zip").write_bytes(archive(**changed))
        return network(tmp_path)

    return lay


def moments(checked):
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    return [f"{moment:%m-%d %H:%M}" for moment in checked.accepted.sort("occurred_from")["occurred_from"]]


def test_an_hour_past_24_is_on_the_next_day(folder):
    got = rows(folder(), day("2026-06-10"))
    assert [(row["date"], row["departure_time"]) for row in got] == [("20260609", "25:10:00"), ("20260610", "23:50:00")]
    assert moments(records(folder(), day("2026-06-10"))) == ["06-09 23:10", "06-10 21:50"]


@pytest.mark.parametrize(
    ("date", "time", "utc"),
    [
        ("2026-03-29", "02:30:00", datetime(2026, 3, 29, 0, 30)),  # twelve hours before noon is 23:00 the day before
        ("2026-03-29", "12:00:00", datetime(2026, 3, 29, 10, 0)),
        ("2026-10-25", "02:30:00", datetime(2026, 10, 25, 1, 30)),
        ("2026-10-25", "12:00:00", datetime(2026, 10, 25, 11, 0)),
    ],
)
def test_a_service_day_counts_from_twelve_hours_before_noon(folder, date, time, utc):
    stops = f"trip_id,arrival_time,departure_time,stop_id,stop_sequence\nT1,{time},{time},S1,1\n"
    dates = f"service_id,date,exception_type\nweek,{date.replace('-', '')},1\n"
    checked = records(folder(stop_times=stops, calendar=None, calendar_dates=dates), day(date))
    assert checked.accepted["occurred_from"].to_list() == [utc.replace(tzinfo=UTC)]


def test_after_a_change_of_clocks_a_trip_may_begin_on_the_evening_before(folder):
    stops = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nT1,00:30:00,00:30:00,S1,1\n"
    dates = "service_id,date,exception_type\nweek,20260329,1\n"
    territory = folder(stop_times=stops, calendar=None, calendar_dates=dates)
    assert [row["date"] for row in rows(territory, day("2026-03-28"))] == ["20260329"]
    assert rows(territory, day("2026-03-29")) == []


@settings(max_examples=25, deadline=None)
@given(
    times=st.lists(st.integers(0, 30 * 3600 - 1), min_size=1, max_size=6),
    first_day=st.sampled_from(["2026-03-27", "2026-10-23", "2026-06-01"]),
)
def test_every_stop_of_every_service_day_is_read_once_with_any_windows(tmp_path_factory, times, first_day):
    lines = [
        f"T1,{s // 3600}:{s // 60 % 60:02}:{s % 60:02},{s // 3600}:{s // 60 % 60:02}:{s % 60:02},S1,{n}"
        for n, s in enumerate(times)
    ]
    table = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n" + "\n".join(lines) + "\n"
    start = datetime.fromisoformat(first_day)
    served = [start + timedelta(days=n) for n in range(3)]
    dates = "service_id,date,exception_type\n" + "".join(f"week,{d:%Y%m%d},1\n" for d in served)
    place = tmp_path_factory.mktemp("gtfs")
    (place / "gtfs.zip").write_bytes(archive(stop_times=table, calendar=None, calendar_dates=dates))
    windows = [day(f"{start + timedelta(days=n):%Y-%m-%d}") for n in range(-1, 5)]
    got = [(row["date"], row["stop_sequence"]) for window in windows for row in rows(network(place), window)]
    assert sorted(got) == sorted((f"{d:%Y%m%d}", str(n)) for d in served for n in range(len(times)))


def test_services_are_added_and_removed_for_single_days(folder):
    trips = "route_id,service_id,trip_id\nR1,week,T1\nR1,extra,T2\n"
    stops = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nT1,8:00:00,8:00:00,S1,1\nT2,9:00:00,9:00:00,S1,1\n"
    )
    dates = "service_id,date,exception_type\nweek,20260610,2\nextra,20260610,1\n"
    territory = folder(trips=trips, stop_times=stops, calendar_dates=dates)
    assert [row["trip_id"] for row in rows(territory, day("2026-06-10"))] == ["T2"]
    assert [row["trip_id"] for row in rows(territory, day("2026-06-11"))] == ["T1"]


def test_a_missing_stop_time_is_interpolated(folder):
    stops = (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "T1,8:00:00,8:00:00,S1,1\nT1,,,S2,2\nT1,08:20:00,,S1,3\n"
    )
    got = rows(folder(stop_times=stops), day("2026-06-10"))
    assert sorted(row["departure_time"] for row in got) == ["08:10:00", "08:20:00", "8:00:00"]


def test_a_trip_with_a_headway_becomes_one_trip_per_departure(folder):
    headways = "trip_id,start_time,end_time,headway_secs\nT1,08:00:00,08:30:00,600\n"
    got = rows(folder(frequencies=headways), day("2026-06-10"))
    assert sorted(row["departure_time"] for row in got) == [
        "08:00:00", "08:10:00", "08:20:00", "09:20:00", "09:30:00", "09:40:00",
    ]  # fmt: skip
    assert len(set(records(folder(frequencies=headways), day("2026-06-10")).accepted["source_record_id"])) == 6


def test_an_unreadable_time_is_read_with_its_service_day_and_rejected(folder):
    stops = "trip_id,arrival_time,departure_time,stop_id,stop_sequence\nT1,8h,8h,S1,1\nT1,31:00:00,31:00:00,S1,2\n"
    checked = records(folder(stop_times=stops), day("2026-06-10"))
    assert checked.accepted.is_empty()
    assert checked.rejected["column_name"].to_list() == ["service_time", "service_time"]


def test_the_timetables_version_is_read_if_the_archive_has_one(folder):
    info = "feed_publisher_name,feed_publisher_url,feed_lang,feed_version\nRTM,https://rtm.fr,fr,2026-06\n"
    assert {row["feed_version"] for row in rows(folder(feed_info=info), day("2026-06-10"))} == {"2026-06"}
    assert {row["feed_version"] for row in rows(folder(), day("2026-06-10"))} == {None}


def test_only_columns_named_in_the_territory_file_are_read(folder):
    (chunk, *_) = read(folder(), day("2026-06-10"))
    assert "stop_name" not in chunk.columns  # the archive has no parent_station either, and needs none


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stop_times": None}, r"has no stop_times\.txt"),
        ({"calendar": None}, r"has no calendar\.txt or calendar_dates\.txt"),
        ({"routes": "route_id,name\nR1,B1\n"}, r"\['route_short_name'\] are missing.*feeds\.sample\.columns"),
    ],
)
def test_an_archive_without_a_required_table_is_reported(folder, changed, said):
    with pytest.raises(SourceChanged, match=said):
        rows(folder(**changed), day("2026-06-10"))


def test_a_table_that_grows_beyond_the_limit_is_refused(folder, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_UNPACKED_LIMIT_BYTES", "20")
    with pytest.raises(SourceChanged, match=r"more than 20 bytes once unpacked.*OBSERVATORY_UNPACKED_LIMIT_BYTES"):
        rows(folder(), day("2026-06-10"))


def test_a_truncated_archive_is_a_temporary_fault():
    with (
        serving(lambda _: in_bytes(archive()[:300])) as (address, _),
        pytest.raises(SourceUnavailable, match="truncated"),
    ):
        rows(network(address), day("2026-06-10"))


def test_requests_are_repeated_and_errors_reported():
    faults = (in_json({}, 503), in_json({}, 429, Retry_After="0"))
    with serving(first(*faults, then=lambda _: in_bytes(archive()))) as (address, requests):
        assert len(rows(network(address), day("2026-06-10"))) == 2
    assert len(requests) == 3
    with serving(first(hung_up(archive()), then=lambda _: in_bytes(archive()))) as (address, requests):
        assert len(rows(network(address), day("2026-06-10"))) == 2
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(network(address), day("2026-06-10"))


def test_a_folder_without_the_archive_is_reported(tmp_path):
    with pytest.raises(SourceUnavailable, match=r"nothing can be read at .*expected gtfs\.zip"):
        rows(network(tmp_path), day("2026-06-10"))


def test_the_token_is_read_from_the_environment(monkeypatch):
    with serving(lambda _: in_bytes(archive())) as (address, requests):
        source = {"protocol": "gtfs", "address": address, "path": "gtfs.zip", "token_variable": "TRANSIT_TOKEN"}
        territory = city(
            "transit_service", source, COLUMNS, constants={"record_type": "planned"}, date_formats=["%Y%m%d"]
        )
        with pytest.raises(SecretMissing, match="TRANSIT_TOKEN is not set"):
            rows(territory, day("2026-06-10"))
        monkeypatch.setenv("TRANSIT_TOKEN", "s3cret")
        rows(territory, day("2026-06-10"))
    assert [asked.headers["Authorization"] for asked in requests] == ["Bearer s3cret"]


def test_the_timetable_of_marseille(shared_data, tmp_path):
    """Real stops, and a trip per line, stop and hour in which it departs there: hours go to 29."""
    stops = pl.read_csv(shared_data / "transit_rtm" / "rtm_stops.csv", infer_schema=False)
    hours = pl.read_csv(
        shared_data / "transit_rtm" / "rtm_departures_per_stop_line_hour_schoolday.csv", infer_schema=False
    )
    hours = hours.with_columns(
        trip_id=pl.concat_str("line", "stop_idx", "hour_since_midnight", separator="-"),
        time=pl.col("hour_since_midnight") + ":30:00",
    )
    tables = {
        "stops": stops.select(stop_id="stop_idx", stop_name="stop_name", stop_lat="stop_lat", stop_lon="stop_lon"),
        "routes": hours.select(route_id="line", route_short_name="line").unique(),
        "trips": hours.select("trip_id", route_id="line", service_id=pl.lit("week")),
        "stop_times": hours.select(
            "trip_id", arrival_time="time", departure_time="time", stop_id="stop_idx", stop_sequence=pl.lit("1")
        ),
    }
    (tmp_path / "gtfs.zip").write_bytes(archive(**{name: table.write_csv() for name, table in tables.items()}))
    bounds = {"south": 43.1, "north": 43.5, "west": 5.1, "east": 5.7}  # some lines leave the city
    territory = network(tmp_path, bounds=bounds)
    checked = records(territory, day("2026-09-07"))
    assert hours.height == 73_801
    assert checked.accepted.height + checked.rejected.height == hours.height, (
        "as many come from the day before as go on"
    )
    assert checked.rejected.height < 0.02 * hours.height
    late = checked.accepted.filter(pl.col("service_time").str.extract(r"^(\d+)").cast(pl.Int32) >= 24)
    assert late["occurred_from"].dt.convert_time_zone("Europe/Paris").dt.date().unique().to_list() == [
        datetime(2026, 9, 7).date()
    ]
    assert late["service_date"].unique().to_list() == [datetime(2026, 9, 6).date()]
