"""Incidents: from the rows of a source to accepted and rejected records."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from observatory.contracts import CONTRACTS
from observatory.records.check import check, summarise
from observatory.records.conform import conform
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.territory.city import Territory
from observatory.territory.files import load_territory

CHICAGO = load_territory("chicago")
GOOD = {
    "id": "1",
    "primary_type": "THEFT",
    "description": " OVER $500 ",
    "date": "2016-05-02T10:00:00.000",
    "updated_on": "2016-05-03T00:10:00.000",
    "longitude": "-87.65",
    "latitude": "41.85",
    "district": "001",
}


def rows(*changes):
    return pl.DataFrame([GOOD | change for change in changes], schema=dict.fromkeys(GOOD, pl.String), orient="row")


def checked(*changes, territory=CHICAGO):
    delivered = rows(*changes)
    return check(delivered, conform(delivered, Plan.of(territory, "incidents")), Plan.of(territory, "incidents"))


def chicago(**changes):
    """Chicago with its incident feed declared otherwise; None takes a key away."""
    content = CHICAGO.model_dump()
    feed = {**content["feeds"]["incidents"], **changes}
    content["feeds"] = {"incidents": {key: value for key, value in feed.items() if value is not None}}
    return Territory.model_validate(content)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_valid_row_becomes_a_record():
    result = checked({})
    assert result.rejected.is_empty()
    assert result.accepted.schema == CONTRACTS["incident"].schema
    assert result.accepted.row(0, named=True) == {
        "source_record_id": "1",
        "published_at": at("2016-05-03T05:10:00"),
        "known_at": at("2016-05-03T05:10:00"),
        "record_type": "recorded_fact",
        "source_category_code": "THEFT",
        "description": "OVER $500",
        "detection_mode": None,
        "occurred_from": at("2016-05-02T15:00:00"),
        "occurred_to": at("2016-05-02T15:00:00"),
        "occurred_precision": "minute",
        "reported_at": None,
        "longitude_deg": -87.65,
        "latitude_deg": 41.85,
        "location_method": "street",
        "location_precision_m": 100.0,
        "cell_id": "CRS26916RES250mN4633250E446000",
        "district_code": "001",
    }


def test_a_record_without_a_point_is_accepted_without_a_place():
    record = checked({"longitude": None, "latitude": " "}).accepted.row(0, named=True)
    assert (record["location_method"], record["location_precision_m"], record["cell_id"]) == ("none", None, None)
    assert (record["longitude_deg"], record["latitude_deg"]) == (None, None)


NOWHERE = {"latitude": None, "longitude": None}
BAD = {
    "unparsable date": ({"date": "2016-13-01T00:00:00"}, "occurred_from", "readable", "2016-13-01T00:00:00"),
    "date in another form": ({"date": "05/02/2016"}, "occurred_from", "readable", "05/02/2016"),
    "no date": ({"date": None}, "occurred_from", "present", None),
    "no date, never published": ({"date": None, "updated_on": None}, "occurred_from", "present", None),
    "hour that does not exist": ({"date": "2016-03-13T02:30:00"}, "occurred_from", "readable", "2016-03-13T02:30:00"),
    "unparsable publication": ({"updated_on": "soon"}, "published_at", "readable", "soon"),
    "no id": ({"id": "  "}, "source_record_id", "present", None),
    "no category": ({"primary_type": None}, "source_category_code", "present", None),
    "north of the city": ({"latitude": "42.2"}, "latitude_deg", "in bounds", "42.2"),
    "placeholder of the portal": ({"latitude": "36.6", "longitude": "-91.7"}, "longitude_deg", "in bounds", "-91.7"),
    "nowhere": ({"latitude": "999.0"}, "latitude_deg", "in bounds", "999.0"),
    "not a number": ({"latitude": "forty"}, "latitude_deg", "readable", "forty"),
    "not a finite number": ({"latitude": "nan"}, "latitude_deg", "readable", "nan"),
    "half of a point": ({"latitude": None}, "latitude_deg", "readable", None),
}


@pytest.mark.parametrize(("change", "column", "name", "value"), BAD.values(), ids=BAD)
def test_an_invalid_row_is_rejected_with_its_reason_and_the_valid_ones_accepted(change, column, name, value):
    result = checked({}, change, {"id": "3"})
    assert result.accepted["source_record_id"].to_list() == ["1", "3"]
    (rejected,) = result.rejected.rows(named=True)
    assert (rejected["column_name"], rejected["check_name"], rejected["value"]) == (column, name, value)
    source = CHICAGO.feeds["incidents"].columns[column]
    violation = "is missing" if value is None else f"is '{value}'"
    assert rejected["reason"].startswith(f"chicago/incidents: {source} {violation}; expected ")
    assert "chicago.yml, or ask Chicago Police Department" in rejected["reason"]
    assert "\n" not in rejected["reason"]
    as_read = {key: text.strip() if text and text.strip() else None for key, text in (GOOD | change).items()}
    assert json.loads(rejected["row_data"]) == as_read


def test_a_row_with_several_failures_is_one_reject():
    result = checked({"date": "x", "latitude": "999", "primary_type": None})
    assert result.rejected.height == 1
    assert result.accepted.is_empty()


def test_a_duplicate_id_passes_the_contract():
    assert checked({}, {}).accepted["source_record_id"].to_list() == ["1", "1"]


def test_every_row_is_accepted_or_rejected():
    result = checked(*[change for change, *_ in BAD.values()], {}, {"id": "2"})
    assert (result.accepted.height, result.rejected.height) == (2, len(BAD))


def test_an_empty_chunk_gives_no_records():
    result = checked()
    assert (result.accepted.height, result.rejected.height) == (0, 0)
    assert result.accepted.schema == CONTRACTS["incident"].schema


def test_each_city_has_its_own_bounds():
    demo = load_territory("demo")
    names = demo.feeds["incidents"].columns
    row = dict.fromkeys(names.values()) | {
        names["source_record_id"]: "1",
        names["source_category_code"]: "VOL_SIMPLE",
        names["occurred_from"]: "2026-01-31T22:15:00.000",
        names["longitude_deg"]: "5.0",
        names["latitude_deg"]: "43.3",
    }
    delivered = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    for _ in range(2):
        assert (
            check(delivered, conform(delivered, Plan.of(demo, "incidents")), Plan.of(demo, "incidents")).accepted.height
            == 1
        )
        assert checked({}).accepted.height == 1


def test_a_violation_is_described_in_one_line():
    result = checked({}, {"latitude": "999.0"}, {"latitude": "998.0"}, {"primary_type": None})
    line = "latitude_deg: in bounds (2 of 4 rows, e.g. 999.0); source_category_code: present (1 of 4 rows)"
    assert summarise(result.rejected, 4) == line
    assert summarise(result.rejected) == line.replace(" of 4", "")
    assert summarise(result.rejected.clear()) == ""


# --- time


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2016-03-13T01:59:59", "2016-03-13T07:59:59"),
        ("2016-03-13T03:00:00", "2016-03-13T08:00:00"),
        ("2016-11-06T01:30:00", "2016-11-06T06:30:00"),  # occurs twice: the first is used
        ("2016-11-06T02:00:00", "2016-11-06T08:00:00"),
    ],
)
def test_local_times_are_converted_to_utc(local, utc):
    assert checked({"date": local}).accepted["occurred_from"][0] == at(utc)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"clock": "utc"}, "2016-05-02T15:00:00"),
        ({"date_formats": ["%Y-%m-%dT%H:%M:%S%z"]}, "2016-05-02T17:00:00+0200"),
        ({"date_formats": ["%Y-%m-%dT%H:%M:%S%#z"]}, "2016-05-02T15:00:00Z"),
        ({"date_formats": ["%Y-%m-%dT%H:%M:%S%:z"]}, "2016-05-02T17:00:00+02:00"),
        ({"date_formats": ["%d/%m/%Y %H:%M", "%m-%d-%y %I:%M %p"]}, "05-02-16 10:00 AM"),
    ],
)
def test_times_are_read_with_the_declared_clock_offset_and_format(settings, text):
    record = checked({"date": text, "updated_on": None}, territory=chicago(**settings)).accepted.row(0, named=True)
    assert record["occurred_from"] == at("2016-05-02T15:00:00")
    assert record["known_at"] == at("2016-05-03T15:00:00"), "the event plus the declared lag of a day"


@pytest.mark.parametrize(
    ("precision", "text", "end"),
    [
        ("second", "2016-05-02T10:00:07", "2016-05-02T15:00:07"),
        ("hour", "2016-05-02T10:00:00", "2016-05-02T16:00:00"),
        ("day", "2016-05-02T00:00:00", "2016-05-03T05:00:00"),
        ("day", "2016-03-13T00:00:00", "2016-03-14T05:00:00"),  # 23 hours
        ("day", "2016-11-06T00:00:00", "2016-11-07T06:00:00"),  # 25 hours
        ("month", "2016-02-01T00:00:00", "2016-03-01T06:00:00"),
        ("year", "2016-01-01T00:00:00", "2017-01-01T06:00:00"),
    ],
)
def test_a_date_without_a_time_covers_the_day(precision, text, end):
    record = checked({"date": text}, territory=chicago(occurred_precision=precision)).accepted.row(0, named=True)
    assert record["occurred_to"] == at(end)
    assert record["occurred_precision"] == precision


@pytest.mark.parametrize(
    ("days", "name"), [(0, None), (60, None), (61, "within 60 days of its start"), (-1, "not before its start")]
)
def test_an_end_must_follow_its_start_within_the_limit(days, name):
    columns = {**CHICAGO.feeds["incidents"].columns, "occurred_to": "updated_on"}
    del columns["published_at"]
    start = datetime.fromisoformat("2016-05-02T10:00:00")
    ended = (start + timedelta(days=days)).isoformat()
    result = checked({"updated_on": ended}, territory=chicago(columns=columns))
    assert result.rejected["check_name"].to_list() == ([name] if name else [])


def test_known_at_is_published_else_reported_else_the_end_plus_the_lag():
    columns = {**CHICAGO.feeds["incidents"].columns, "reported_at": "description"}
    reported = {"description": "2016-05-02T11:00:00", "updated_on": None}
    assert checked(reported, territory=chicago(columns=columns)).accepted["known_at"][0] == at("2016-05-02T16:00:00")
    assert checked(reported, territory=chicago()).accepted["known_at"][0] == at("2016-05-03T15:00:00")


# --- places in another reference system


@pytest.mark.parametrize(
    ("x", "y", "column", "name"),
    [
        ("7661410", "682295", None, None),
        (None, None, None, None),
        ("7661410", None, "latitude_deg", "readable"),
        ("far", "682295", "longitude_deg", "readable"),
        ("7661410", "1e300", "longitude_deg", "in bounds"),
        ("0", "0", "longitude_deg", "in bounds"),
    ],
)
def test_feet_are_converted_to_degrees_or_rejected_with_a_reason(x, y, column, name):
    portland = load_territory("portland")
    row = {"category": "BURGLARY", "occurred_at": "2016-05-02", "x_ft": x, "y_ft": y}
    delivered = pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))
    result = check(delivered, conform(delivered, Plan.of(portland, "calls")), Plan.of(portland, "calls"))
    assert result.rejected.select("column_name", "check_name").rows() == ([(column, name)] if name else [])
    assert [cell is None for cell in result.accepted["cell_id"]] == ([] if name else [x is None])


# --- what a warehouse cannot hold, and identifiers that are missing


def test_a_character_postgresql_cannot_store_is_removed():
    result = checked({"description": "a\0b"}, {"description": "a\0b", "latitude": "999"})
    assert result.accepted["description"][0] == "ab"
    assert json.loads(result.rejected["row_data"][0])["description"] == "ab"


def without_ids(delivered, ordinals):
    columns = {
        name: source for name, source in CHICAGO.feeds["incidents"].columns.items() if name != "source_record_id"
    }
    return conform(delivered, Plan.of(chicago(columns=columns, missing_ids="hash"), "incidents"), ordinals)[
        "source_record_id"
    ]


def test_rows_without_ids_are_identified_by_content_and_number():
    delivered = rows({}, {"id": "2"}, {"description": "OTHER"}, {"description": "OVER $500"})
    together = without_ids(delivered, Ordinals())
    hashes = together.str.split("-").list.to_struct(fields=["hash", "number"]).struct.unnest()
    assert hashes["number"].to_list() == ["1", "2", "1", "3"]
    assert hashes["hash"].n_unique() == 2
    # the same with any chunk size, and again on another day
    ordinals = Ordinals()
    apart = [key for start in range(4) for key in without_ids(delivered[start : start + 1], ordinals)]
    assert apart == together.to_list()
    assert without_ids(delivered, Ordinals()).to_list() == together.to_list()


def test_a_key_does_not_depend_on_how_the_source_stores_a_number():
    whole = rows({"longitude": "-88", "latitude": "42"})
    stored = whole.with_columns(pl.col("longitude", "latitude").cast(pl.Float64))
    counted = whole.with_columns(pl.col("longitude", "latitude").cast(pl.Int32))
    keys = {without_ids(frame, Ordinals())[0] for frame in (whole, stored, counted)}
    assert len(keys) == 1


def test_a_feed_that_covers_more_than_the_city_drops_what_is_outside():
    outside = {"latitude": "41.5", "longitude": "-88.9", "primary_type": None}
    zero, unreadable = {"latitude": "0", "longitude": "0"}, {"latitude": "forty"}
    changes = [{"id": "1"}, outside | {"id": "2"}, zero | {"id": "3"}, unreadable | {"id": "4"}, {"id": "5"} | NOWHERE]
    result = checked(*changes, territory=chicago(outside_bounds="drop"))
    assert result.accepted["source_record_id"].to_list() == ["1", "5"]
    assert result.outside.to_list() == ["2"]
    assert result.rejected.select("source_record_id", "check_name").rows() == [("3", "not (0, 0)"), ("4", "readable")]
    assert checked(*changes).outside.is_empty()


def test_the_error_for_a_location_of_zero_says_how_to_map_it():
    (rejected,) = checked({"longitude": "0.0", "latitude": "0"}).rejected.rows(named=True)
    assert (rejected["check_name"], rejected["value"]) == ("not (0, 0)", "0.0")
    assert "Map 0 to null under feeds.incidents.values in chicago.yml" in rejected["reason"]
    nulls = {"longitude_deg": {"0": None}, "latitude_deg": {"0": None}}
    (record,) = checked({"longitude": "0.0", "latitude": "0"}, territory=chicago(values=nulls)).accepted.rows(
        named=True
    )
    assert (record["longitude_deg"], record["cell_id"], record["location_method"]) == (None, None, "none")


def test_a_time_in_two_columns_of_which_one_is_empty():
    columns = CHICAGO.feeds["incidents"].columns | {"occurred_from": ("date", "updated_on")}
    columns.pop("published_at")
    city = chicago(columns=columns, date_formats=("%Y-%m-%d %H%M", "%Y-%m-%d"))
    result = checked(
        {"date": "2016-05-02", "updated_on": "45"},
        {"id": "2", "date": "2016-05-02", "updated_on": None},
        {"id": "3", "date": None, "updated_on": "45"},
        territory=city,
    )
    found = result.accepted.select("occurred_from", "occurred_to", "occurred_precision").rows()
    assert found == [
        (at("2016-05-02T05:45:00"), at("2016-05-02T05:45:00"), "minute"),
        (at("2016-05-02T05:00:00"), at("2016-05-03T05:00:00"), "day"),
    ]
    (rejected,) = result.rejected.rows(named=True)
    assert rejected["reason"].startswith("chicago/incidents: date, updated_on is '45', date is empty; expected a time")


def test_identifiers_and_codes_written_as_decimals_by_a_spreadsheet_are_unchanged():
    plain, decimal = checked({"id": "7", "district": "12"}), checked({"id": "7.0", "district": "12.0"})
    assert plain.accepted.equals(decimal.accepted)
