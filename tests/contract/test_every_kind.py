"""Every kind: a good row is accepted, each check fails on its own with a message, and the counts balance.

The tests run over the kinds that exist, so that one without a sample fails.
"""

import json
import random
import re
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.contracts import CONTRACTS
from observatory.contracts.accident import AGE_CLASSES, count_involved
from observatory.contracts.base import Record
from observatory.kinds import KINDS
from observatory.records.admit import admit
from observatory.records.identity import Ordinals
from observatory.records.mapping import require_mapping
from observatory.records.plan import Plan
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from tests.support.samples import AT, NOT_BEFORE, POINT, SAMPLES, WHEN

DELIVERED = [name for name in KINDS if not KINDS[name].is_derived]
DEMO = load_territory("demo").model_dump(exclude={"feeds"})
SHARED_CHECKS = {
    (name, str(check.error or check.name))
    for name, column in Record.to_schema().columns.items()
    for check in column.checks
}


@pytest.fixture(autouse=True)
def _secret(monkeypatch):
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_EPOCH", "t1")
    monkeypatch.setenv("OBSERVATORY_PSEUDONYM_SECRET_T1", "0123456789abcdef0123456789abcdef")


def city(kind, **changes):
    """The demo city with one feed of a kind."""
    sample = SAMPLES[kind]
    source = {"protocol": "file", "address": "nowhere", "path": "rows.csv"}
    feed = {"kind": kind, "source": source, "owner": "Partner", "licence": "made up", "columns": sample.columns}
    return Territory.model_validate({**DEMO, "feeds": {"feed": {**feed, **sample.settings, **changes}}})


def admitted(kind, *changes, **declared):
    """Accepted and rejected records of the valid row, changed in each of these ways."""
    row = SAMPLES[kind].row
    rows = pl.DataFrame([{**row, **change} for change in changes], schema=dict.fromkeys(row, pl.String), orient="row")
    return admit(rows, Plan.of(city(kind, **declared), "feed"), Ordinals())


def record(kind, change=None, **declared):
    result = admitted(kind, change or {}, **declared)
    assert result.rejected.is_empty(), result.rejected["reason"].to_list()
    return result.accepted.row(0, named=True)


def test_every_kind_has_a_sample():
    assert sorted(DELIVERED) == sorted(SAMPLES)
    assert len(DELIVERED) >= 26


@pytest.mark.parametrize("kind", DELIVERED)
def test_a_valid_row_becomes_a_record(kind):
    require_mapping(Plan.of(city(kind), "feed"))
    found = record(kind)
    assert list(found) == list(CONTRACTS[kind].columns)
    assert {name: found[name] for name in SAMPLES[kind].makes} == SAMPLES[kind].makes
    if "lon" in SAMPLES[kind].row:
        assert found["longitude_deg"] == pytest.approx(5.0, abs=0.001)
        assert found["cell_id"].startswith("CRS2154RES250m")
        assert found["location_method"] != "none"


BROKEN = [(kind, *broken) for kind in SAMPLES for broken in SAMPLES[kind].broken]


@pytest.mark.parametrize(("kind", "change", "column", "check"), BROKEN, ids=[f"{k}-{c}-{n}" for k, _, c, n in BROKEN])
def test_an_invalid_row_is_rejected_with_its_reason_and_the_valid_one_accepted(kind, change, column, check):
    result = admitted(kind, {}, change)
    assert (result.accepted.height, result.rejected.height) == (1, 1)
    (rejected,) = result.rejected.rows(named=True)
    assert (rejected["column_name"], rejected["check_name"]) == (column, check)
    assert re.match(
        r"demo/feed: .+ (is '.*'|is missing); expected .+\. Correct .+ Partner to correct", rejected["reason"]
    )
    assert "\n" not in rejected["reason"]
    assert json.loads(rejected["row_data"]).keys() == SAMPLES[kind].row.keys()


@pytest.mark.parametrize("kind", DELIVERED)
def test_each_check_of_the_contract_is_broken_by_a_sample(kind):
    stated = {
        (name, str(check.error or check.name))
        for name, column in CONTRACTS[kind].model.to_schema().columns.items()
        for check in column.checks
    }
    named = {column: {check.split("(")[0] for n, check in stated if n == column} for column, _ in stated}
    broken = {(column, check) for _, column, check in SAMPLES[kind].broken}
    missing = {
        (column, check)
        for column, check in stated - SHARED_CHECKS - CONSTANTS
        if not any(c == column and (b == check or b.split("(")[0] == check) for c, b in broken)
    }
    assert missing == set(), named


# what the observatory sets itself, or a feed sets for all of its records: it is refused with the territory file
CONSTANTS = {
    ("record_type", "isin(['police_log', 'recorded_fact', 'call_for_service'])"),
    ("record_type", "isin(['planned', 'observed', 'disrupted'])"),
    ("zone_type", "isin(['city', 'district', 'quarter'])"),
    ("area_km2", "greater_than(0)"),
}


@pytest.mark.parametrize("kind", [kind for kind in DELIVERED if "lon" in SAMPLES[kind].row])
def test_a_point_outside_the_city_is_rejected_and_a_missing_one_accepted(kind):
    result = admitted(kind, {"lon": "6"}, {"lat": "999"}, {"lat": None}, {"lon": None, "lat": " "})
    assert result.rejected["check_name"].to_list() == ["in bounds", "in bounds", "readable"]
    (found,) = result.accepted.rows(named=True)
    assert (found["location_method"], found["cell_id"], found["location_precision_m"]) == ("none", None, None)


# a measurement's start is made of its end
ENDED = [kind for kind in DELIVERED if "occurred_to" in SAMPLES[kind].columns and kind != "traffic_measure"]


@pytest.mark.parametrize("kind", ENDED)
def test_an_end_before_its_start_is_rejected(kind):
    (end,) = city(kind).feeds["feed"].sources_of("occurred_to")
    result = admitted(kind, {end: "2020-01-01T00:00:00"})
    assert result.rejected["column_name"].to_list() == ["occurred_to"]
    assert result.rejected["check_name"][0] in (NOT_BEFORE, "after its beginning")


@pytest.mark.parametrize("kind", DELIVERED)
def test_personal_columns_cannot_be_mapped_and_are_in_no_contract(kind):
    refused = CONTRACTS[kind].refused
    assert not set(refused) & set(CONTRACTS[kind].columns)
    for column in refused:
        columns = {**SAMPLES[kind].columns, column: "x"}
        with pytest.raises(Exception, match=f"maps `{column}`; expected no such column in kind {kind}"):
            require_mapping(Plan.of(city(kind, columns=columns), "feed"))


@pytest.mark.parametrize("kind", DELIVERED)
def test_every_kind_declares_its_retention(kind):
    days = KINDS[kind].retention_days
    assert days is None or 30 <= days <= 5 * 365
    assert {k: KINDS[k].retention_days for k in ("incident", "social_signal", "video_alert")} == {
        "incident": 5 * 365, "social_signal": 365, "video_alert": 30}  # fmt: skip


WRITTEN = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.floats(allow_nan=True).map(str),
    st.integers(-(10**12), 10**12).map(str),
    st.sampled_from(
        [WHEN, "2026-13-01", "1e400", "nan", "-", "NULL", "NA", '{"type": "Point"}', "POINT (5 43.3)", "\0", "'"]
    ),
)


WILD = (
    """
0|-1|1e400|nan|inf|-inf|2026-02-30T10:00:00|2026-03-29T02:30:00|9999-12-31T23:59:59|0001-01-01T00:00:00|262143
99999999999999999999|POINT EMPTY|POLYGON ((0 0, 1 1, 1 0, 0 0))|{"type":"Polygon","coordinates":[]}|{|1,5|1 000|true
31/12/2026|25:61:99|29:59:59|2.0E+11|-999|GEOMETRYCOLLECTION EMPTY|LINESTRING (5 43.3, 5 43.3)|1.7976931348623157e308
1e-320|43.3, 5.0|[]|<script>
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


def spoilt(value, chance, share):
    """The value, or with a chance of ``share`` another: none, a wild one, or itself with one character changed."""
    if chance.random() > share:
        return value
    if chance.random() < 0.6:
        return chance.choice([None, "", "\0", "é" * 200, *WILD])
    letters = list(value or "x")
    letters[chance.randrange(len(letters))] = chr(chance.randrange(32, 0x2FFF))
    return "".join(letters)


@pytest.mark.parametrize("share", [0.05, 0.25])
@pytest.mark.parametrize("kind", DELIVERED)
def test_ten_thousand_damaged_rows_balance_without_an_exception(kind, share):
    chance, row = random.Random(f"{kind} {share}"), SAMPLES[kind].row
    rows = [{source: spoilt(value, chance, share) for source, value in row.items()} for _ in range(10_000)]
    result = admitted(kind, *rows)
    assert result.accepted.height + result.rejected.height == 10_000
    assert min(result.accepted.height, result.rejected.height) > 0
    CONTRACTS[kind].model.to_schema().validate(result.accepted, lazy=True)


@pytest.mark.parametrize("kind", DELIVERED)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_any_row_is_accepted_or_rejected_without_an_exception(kind, data):
    """Property: read = accepted + rejected for any rows, and accepted records meet the contract."""
    row = SAMPLES[kind].row
    values = st.fixed_dictionaries({source: st.one_of(st.just(good), WRITTEN) for source, good in row.items()})
    changes = data.draw(st.lists(values, min_size=1, max_size=6))
    result = admitted(kind, *changes)
    assert result.accepted.height + result.rejected.height == len(changes)
    assert result.accepted.schema == CONTRACTS[kind].schema
    CONTRACTS[kind].model.to_schema().validate(result.accepted, lazy=True)


# --- rules of single kinds


def test_a_call_for_service_may_be_entered_late_but_a_log_entry_may_not():
    late = {"entered": "2026-03-25T10:00:00"}
    assert record("incident", late, constants={"record_type": "call_for_service"})["reported_at"].day == 25
    assert admitted("incident", late).rejected.height == 1


def test_a_count_that_is_not_published_is_null_and_never_0():
    for written in ("NA", "0", "11"):
        found = record("delinquency_statistic", {"diff": "ndiff", "nombre": written})
        assert (found["recorded_count"], found["is_published"]) == (None, False)
    assert record("delinquency_statistic", {"nombre": "0"})["recorded_count"] == 0


def test_a_two_digit_year_is_of_this_century_and_covers_the_year():
    found = record("delinquency_statistic", {"annee": "16"})
    assert found["reference_year"] == 2016
    assert (found["occurred_from"], found["occurred_to"]) == (
        datetime(2015, 12, 31, 23, tzinfo=UTC),
        datetime(2016, 12, 31, 23, tzinfo=UTC),
    )


@pytest.mark.parametrize(
    ("speed", "inputs", "expected"),
    [("0", "0", None), ("0", "4", 0.0), ("50", "0", 50.0), ("0", None, 0.0), (None, "0", None)],
)
def test_a_speed_of_0_without_vehicles_is_null(speed, inputs, expected):
    found = record("traffic_measure", {"speed": speed, "n": inputs})
    assert found["speed_kmh"] == expected
    assert found["flow_veh_h"] == 600.0


def test_the_flow_is_limited_by_the_number_of_lanes():
    assert record("traffic_measure", {"flow": "4800", "lanes": "2"})["flow_veh_h"] == 4800
    assert record("traffic_measure", {"flow": "19200", "lanes": None})["flow_veh_h"] == 19200


def test_an_interval_has_the_length_that_the_feed_declares():
    found = record("traffic_measure")
    assert (found["occurred_to"] - found["occurred_from"]).total_seconds() == 360
    columns = {**SAMPLES["traffic_measure"].columns, "occurred_from": "end"}
    del columns["occurred_to"]
    begun = record("traffic_measure", columns=columns)
    assert (begun["occurred_to"] - begun["occurred_from"]).total_seconds() == 360


@pytest.mark.parametrize("count", ["0", "1", "4", "4.9"])
def test_visits_of_a_small_group_are_rejected_without_storing_their_number(count):
    result = admitted("hospital_activity", {"n": count}, {"n": "5"})
    assert result.accepted["visit_count"].to_list() == [5]
    (rejected,) = result.rejected.rows(named=True)
    assert rejected["value"] == "<5"
    assert json.loads(rejected["row_data"])["n"] == "<5"
    assert "expected a number of at least 5" in rejected["reason"]


@pytest.mark.parametrize(("count", "kept"), [("0", None), ("19.9", None), ("20", 20.0), (None, None)])
def test_the_volume_of_a_small_group_is_null_and_not_0(count, kept):
    found = record("population_flow", {"n": count})
    assert (found["volume_count"], found["is_suppressed"]) == (kept, kept is None)
    assert record("population_flow", {"n": "20"}, least_count={"volume_count": 30})["volume_count"] is None
    spoilt = admitted("population_flow", {"n": "7", "seg": None})
    assert json.loads(spoilt.rejected["row_data"][0])["n"] is None


def test_repeats_within_five_minutes_are_marked_also_across_chunks():
    minutes = [0, 5, 10, 16, 16, 40]
    changes = [{"n": str(n), "raised": f"2026-03-10T10:{m:02}:00"} for n, m in enumerate(minutes)]
    changes.append({"n": "9", "raised": "2026-03-10T10:01:00", "cat": "intrusion"})
    expected = [False, True, True, False, True, False, False]
    assert admitted("video_alert", *changes).accepted["is_repeat"].to_list() == expected
    row, territory, ordinals = SAMPLES["video_alert"].row, city("video_alert"), Ordinals()
    apart = [
        admit(
            pl.DataFrame([row | change], schema=dict.fromkeys(row, pl.String)), Plan.of(territory, "feed"), ordinals
        ).accepted
        for change in changes
    ]
    assert pl.concat(apart)["is_repeat"].to_list() == expected


@pytest.mark.parametrize(
    ("day", "time", "utc"),
    [
        ("20260310", "08:00:00", "2026-03-10T07:00"),
        ("20260310", "25:10:00", "2026-03-11T00:10"),
        ("20260310", "29:59", "2026-03-11T04:59"),
        (
            "20260328",
            "26:30:00",
            "2026-03-29T01:30",
        ),
        (
            "20260329",
            "08:00:00",
            "2026-03-29T06:00",
        ),  # the clocks went forward at two: counted from an hour before midnight
        ("20261025", "00:30:00", "2026-10-24T23:30"),
    ],
)
def test_a_service_day_has_more_than_24_hours(day, time, utc):
    found = record("transit_service", {"date": day, "time": time})
    assert found["occurred_from"] == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_the_centre_point_of_a_town_is_not_used_as_a_location():
    found = record("sensitive_place", {"precision": "Ville"})
    assert (found["longitude_deg"], found["latitude_deg"], found["cell_id"], found["location_method"]) == (
        None,
        None,
        None,
        "none",
    )


@pytest.mark.parametrize(
    ("position", "order"),
    [
        ("43.3, 5.0", "lat,lon"),
        ("5.0 43.3", "lon,lat"),
        ('{"type": "Point", "coordinates": [5.0, 43.3]}', "lat,lon"),
        ('{"type": "Point", "coordinates": [5.0, 43.3]}', "lon,lat"),
        ("POINT (5.0 43.3)", "lat,lon"),
        ('{"lon": 5.0, "lat": 43.3}', "lon,lat"),
        ('{"lat": 43.3, "lon": 5.0}', "lat,lon"),
    ],
)
def test_points_are_read_in_every_notation(position, order):
    found = record("sensitive_place", {"position": position}, coordinates={"point_order": order})
    assert (found["longitude_deg"], found["latitude_deg"]) == (5.0, 43.3)


def test_a_fire_operation_ends_with_its_last_time_and_its_point_is_blurred_within_a_cell():
    found = record("fire_operation")
    assert found["occurred_to"] == found["cleared_at"]
    assert record("fire_operation", {"dep": None, "arr": None, "clr": None})["occurred_to"] == found["occurred_from"]
    assert (found["longitude_deg"], found["latitude_deg"]) != (5.0, 43.3)
    assert abs(found["latitude_deg"] - 43.3) * 111_195 < 75
    near = record("fire_operation", {"lon": str(found["longitude_deg"] + 0.0002)})
    assert near["longitude_deg"] == found["longitude_deg"]


def test_works_are_open_until_the_source_reports_their_end():
    assert record("public_work")["occurred_to"] is None
    over = record("public_work", {"end": "true", "version": "2026-03-15T10:00:00"})
    assert (over["state"], over["occurred_to"]) == ("ended", over["reported_at"])
    never = record("public_work", {"end": "true"})
    assert never["occurred_to"] == never["occurred_from"], "it was over before it began"
    planned = record("public_work", {"to": "2026-04-01T00:00:00"})
    assert planned["occurred_to"] == planned["planned_to"]
    assert planned["occurred_from"] == planned["planned_from"]


def test_persons_involved_are_only_counted():
    involved = pl.DataFrame(
        {
            "accident": ["a", "a", "a", "a", "b"],
            "severity": [1, 3, 4, 3, None],
            "birth_year": [2012, 2002, 1990, None, 1950],
            "year": [2026] * 5,
        }
    )
    first, second = count_involved(involved).rows(named=True)
    assert (first["involved_count"], first["severity"]) == (4, 3)
    assert [first[name] for name in ("unhurt_count", "killed_count", "hospitalised_count")] == [1, 0, 2]
    assert [first[name] for name in AGE_CLASSES] == [1, 1, 1, 0]
    assert (second["severity"], second["aged_65_plus_count"]) == (-1, 1)


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.sampled_from([1, 2, 3, 4, -1, None]),
            st.one_of(st.none(), st.integers(1900, 2026)),
        ),
        min_size=1,
    )
)
@settings(max_examples=60, deadline=None)
def test_counts_of_persons_add_up(rows):
    """Property: involved = sum over severities + unknown, and at least the sum over classes of age."""
    frame = pl.DataFrame(
        rows, schema={"accident": pl.String, "severity": pl.Int64, "birth_year": pl.Int64}, orient="row"
    )
    counted = count_involved(frame.with_columns(year=2026))
    assert counted["involved_count"].sum() == len(rows)
    of_known = (
        counted.select(pl.sum_horizontal("unhurt_count", "killed_count", "hospitalised_count", "slightly_hurt_count"))
        .sum()
        .item()
    )
    assert of_known == sum(severity in (1, 2, 3, 4) for _, severity, _ in rows)
    assert counted.select(pl.sum_horizontal(*AGE_CLASSES)).sum().item() == sum(
        year is not None and 2026 - year <= 120 for _, _, year in rows
    )


# --- notations of sources


@pytest.mark.parametrize(
    ("written", "is_read"),
    [
        ("1799-12-31T12:00:00", False),
        ("1800-01-02T12:00:00", True),
        ("2199-12-31T12:00:00", True),
        ("9999-12-31T00:00:00", False),
    ],
)
def test_an_implausible_date_is_rejected(written, is_read):
    result = admitted("camera", {"since": written})
    assert result.accepted.height == is_read
    assert result.rejected["check_name"].to_list() == ([] if is_read else ["readable"])


def test_constants_are_read_like_values_of_the_rows():
    found = record("street_vending", constants={"published_at": "2026-03-12T00:00:00"})
    assert found["published_at"] == found["known_at"] == datetime(2026, 3, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "written"), [("%s", "1773133200"), ("%s%3f", "1773133200000"), ("%s", "1773133200.0")]
)
def test_seconds_since_1970_are_read_as_a_time(form, written):
    found = record("street_vending", {"seen": written}, date_formats=[form])
    assert found["occurred_from"] == datetime(2026, 3, 10, 9, tzinfo=UTC)


@pytest.mark.parametrize("written", ["35\u00a0396", "35\u202f396", "35 396"])
def test_numbers_with_any_kind_of_space_between_thousands_are_read(written):
    columns = {name: source for name, source in SAMPLES["event_measure"].columns.items() if name not in POINT}
    found = record("event_measure", {"s": written}, columns=columns, decimal_comma=True)
    assert found["staff_count"] == 35396


def test_metres_and_feet_become_degrees_for_any_kind():
    columns = {name: source for name, source in SAMPLES["pitch"].columns.items() if name not in POINT}
    columns |= {"easting": "lon", "northing": "lat"}
    found = record("pitch", {"lon": "862500", "lat": "6246000"}, columns=columns, coordinates={"epsg": 2154})
    assert (found["longitude_deg"], found["latitude_deg"]) == (
        pytest.approx(4.99, abs=0.05),
        pytest.approx(43.27, abs=0.05),
    )
    assert AT["lon"] == "5.0"


def test_records_without_a_time_are_known_since_their_history_or_since_they_were_read():
    assert record("camera", history_start="2020-01-01")["known_at"] == datetime(2019, 12, 31, 23, tzinfo=UTC)
    assert (datetime.now(UTC) - record("camera")["known_at"]).total_seconds() < 60


# --- minimisation


@pytest.mark.parametrize("kind", [kind for kind in DELIVERED if CONTRACTS[kind].pseudonymous_key == "always"])
def test_an_identifying_key_is_a_pseudonym_in_records_and_rejects(kind):
    (source,) = city(kind).feeds["feed"].sources_of("source_record_id")
    secret = SAMPLES[kind].row[source]
    result = admitted(kind, {}, {"lon": "999"})
    key = result.accepted["source_record_id"][0]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{32}", key)
    assert result.rejected["source_record_id"][0] == key
    assert secret not in json.dumps(result.rejected.rows()) + str(result.accepted.rows())


def test_records_under_a_convention_get_a_pseudonym_and_open_data_keeps_its_id():
    convention = {
        "partner": "P",
        "purpose": "p",
        "legal_basis": "l",
        "document": "d",
        "start": "2026-01-01",
        "end": "2026-12-31",
    }
    assert Plan.of(city("incident", licence=None, convention=convention), "feed").has_pseudonymous_key
    assert record("incident", licence=None, convention=convention)["source_record_id"] != "1"
    assert record("incident")["source_record_id"] == "1"


def test_a_feed_that_needs_a_secret_does_not_run_without_one(monkeypatch):
    monkeypatch.delenv("OBSERVATORY_PSEUDONYM_SECRET_T1")
    with pytest.raises(Exception, match="OBSERVATORY_PSEUDONYM_SECRET_T1 is not set; expected the secret of epoch t1"):
        admitted("citation", {})


def test_texts_are_measured_or_scrubbed_before_anything_is_stored():
    result = admitted("social_signal", {"text": "Appelez Jean Dupont", "lon": "999"})
    assert json.loads(result.rejected["row_data"][0])["text"] == "19"
    columns = {**SAMPLES["citizen_report"].columns, "description": "what"}
    row = {**SAMPLES["citizen_report"].row, "what": "Appelez Mme Dupont au 06 12 34 56 78, rue Paradis"}
    for change in ({}, {"lon": "999"}):
        rows = pl.DataFrame([row | change], schema=dict.fromkeys(row, pl.String))
        result = admit(rows, Plan.of(city("citizen_report", columns=columns), "feed"), Ordinals())
        kept = str(result.accepted.rows()) + str(result.rejected.rows())
        assert "Paradis" in kept
        assert "Dupont" not in kept
        assert "12 34 56" not in kept


def test_the_content_hash_does_not_depend_on_the_key():
    for kind in KINDS:
        assert "source_record_id" not in CONTRACTS[kind].content_columns
