"""The records of each kind: the same bytes in every span, and valid by their contract when listed."""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import polars as pl
import pytest

from observatory.contracts import CONTRACTS
from observatory.records.identity import Ordinals
from observatory.simulator import records
from observatory.simulator.publishers.police import incident_rows
from observatory.simulator.records.incident import police_log
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.simulation import Simulation

SIMULATION = Simulation(population=400_000)
START, MIDDLE, END = date(2024, 2, 20), date(2024, 3, 12), date(2024, 4, 15)
NOW = datetime(2024, 4, 15, tzinfo=UTC)
STANDING = {"camera"}
TIMED = {"incident", "operation", "presence", "citation", "impound", "city_event", "event_measure", "video_alert"}
FAULTY = {"presence", "citation", "impound", "video_alert"}
DUPLICATED = {"citation", "impound", "video_alert"}
CONSTANTS = {"incident": {"record_type": "police_log"}}
FAULTS = {"presence": "actual_min", "citation": "amount_eur", "impound": "longitude_deg", "video_alert": "confidence"}


@cache
def versions(kind):
    return records.versions(kind, SIMULATION, START, END)


def in_order(rows):
    return rows.sort(rows.columns)


@pytest.mark.parametrize("kind", sorted(TIMED))
def test_records_of_adjacent_spans_equal_those_of_one_span(kind):
    parts = [records.versions(kind, SIMULATION, START, MIDDLE), records.versions(kind, SIMULATION, MIDDLE, END)]
    assert versions(kind).height > 0
    assert in_order(pl.concat(parts)).equals(in_order(versions(kind)))


@pytest.mark.parametrize("kind", sorted(TIMED))
def test_equal_seeds_give_equal_histories_and_different_seeds_different_ones(kind):
    again = records.versions(kind, SIMULATION, MIDDLE, MIDDLE + timedelta(days=3))
    assert again.equals(records.versions(kind, SIMULATION, MIDDLE, MIDDLE + timedelta(days=3)))
    if kind != "operation":
        other = records.versions(kind, Simulation(seed=2, population=400_000), MIDDLE, MIDDLE + timedelta(days=3))
        assert not other.equals(again)


@pytest.mark.parametrize("kind", sorted(TIMED | STANDING))
def test_versions_of_a_record_follow_each_other_and_end_after_they_begin(kind):
    rows = versions(kind).unique()
    assert rows.filter(pl.col("shown_until") <= pl.col("shown_from")).is_empty()
    following = pl.col("shown_from").shift(-1).over("source_record_id", order_by="shown_from")
    assert rows.filter(pl.col("shown_until") > following).is_empty()


@pytest.mark.parametrize("kind", sorted(TIMED | STANDING))
def test_listings_meet_their_contract_except_for_planted_faults(kind, city, checked):
    listed = records.listing(versions(kind), NOW)
    assert listed["published_at"].max() <= NOW
    described = city(
        {"protocol": "file", "address": "unused", "path": "unused.parquet"},
        kind,
        {name: name for name in listed.columns if name in CONTRACTS[kind].schema},
        constants=CONSTANTS.get(kind, {}),
        coordinates={"epsg": 4326, "method": "place", "precision_m": 20},
        occurred_precision="second",
    )
    accepted, rejected = checked([listed], described)
    assert accepted.height + rejected.height == listed.height > 0
    share = rejected.height / listed.height
    assert share == pytest.approx(PLANTED.faulty_share if kind in FAULTY else 0, abs=0.003)
    assert set(rejected["column_name"]) <= {FAULTS.get(kind)}


def test_incidents_are_listed_as_the_portal_lists_them():
    """The portal lists a record once it is entered: as first entered until it is corrected, until it is withdrawn."""
    midnight, just_before = datetime(2024, 4, 2), datetime(2024, 4, 1, 21, 59, 59, tzinfo=UTC)
    log = police_log(SIMULATION, START, midnight.date())
    is_mistaken = (pl.col("corrected_at") >= midnight).fill_null(value=False)
    is_listed = (pl.col("entered_at") < midnight) & (pl.col("withdrawn_at") >= midnight).fill_null(value=True)
    right = log.records.filter(is_listed & ~is_mistaken)
    expected = pl.concat(
        [
            right.with_columns(updated_at=pl.coalesce("corrected_at", "entered_at")),
            log.mistaken.filter(is_listed & is_mistaken).with_columns(updated_at="entered_at"),
        ]
    ).sort("occurred_from", "source_record_id")
    assert expected.height > right.height > 0
    listed = incident_rows(records.listing(versions("incident"), just_before))
    names = {
        "source_record_id": "incident_id",
        "source_category_code": "category",
        "occurred_from": "occurred_at",
        "occurred_to": "ended_at",
        "longitude_deg": "longitude",
        "latitude_deg": "latitude",
        "district_code": "district",
    }
    assert listed.equals(expected.rename(names).select(listed.columns))
    mistaken = versions("incident").filter(pl.col("source_record_id").is_duplicated())["source_record_id"].n_unique()
    assert mistaken / log.records.height == pytest.approx(PLANTED.corrected_share, rel=0.5)


@pytest.mark.parametrize("kind", sorted(TIMED))
def test_the_planted_share_is_listed_twice_with_the_same_content(kind):
    rows = versions(kind)
    again = rows.height - rows.unique().height
    share = again / rows.height
    assert share == pytest.approx(PLANTED.duplicated_share if kind in DUPLICATED else 0, rel=0.8)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        ("incident", 645, 1145),  # logs of the municipal police and recorded facts
        ("citation", 2000, 4000),
        ("impound", 60, 110),
        ("city_event", 50, 200),
        ("video_alert", 200, 2000),
    ],
)
def test_a_city_of_870_000_records_as_many_a_day_as_real_ones(kind, low, high):
    rows = records.versions(kind, Simulation(population=870_000), MIDDLE, MIDDLE + timedelta(days=7))
    assert low < rows["source_record_id"].n_unique() / 7 < high


def test_no_record_ends_before_it_begins_on_the_night_the_clocks_go_forward():
    night = date(2024, 3, 31)
    for kind in sorted(TIMED - {"operation"}):
        rows = records.versions(kind, Simulation(population=2_000_000), night, night + timedelta(days=1))
        assert rows.height
        if "occurred_to" in rows.columns:
            ended = rows.filter(pl.col("occurred_to") < pl.col("occurred_from"))
            assert ended.is_empty(), kind


def test_minutes_are_planned_the_evening_before_and_known_the_morning_after():
    day = records.versions("presence", SIMULATION, date(2024, 3, 6), date(2024, 3, 7))
    evening, morning = datetime(2024, 3, 5, 20, tzinfo=UTC), datetime(2024, 3, 7, 8, tzinfo=UTC)
    planned, spent = records.listing(day, evening), records.listing(day, morning)
    assert planned["source_record_id"].sort().equals(spent["source_record_id"].sort())
    assert planned["actual_min"].null_count() == planned.height
    assert spent["actual_min"].null_count() == 0


def test_an_alert_is_open_until_it_is_cleared_and_may_repeat_within_five_minutes():
    alerts = versions("video_alert").unique()
    opened = alerts.filter(pl.col("occurred_to").is_null())
    cleared = alerts.filter(pl.col("occurred_to").is_not_null())
    assert cleared.height / opened.height == pytest.approx(1 - PLANTED.alerts.open_share, abs=0.005)
    assert cleared.filter(pl.col("shown_from") != pl.col("occurred_to")).is_empty()
    assert opened.filter(pl.col("shown_from") != pl.col("occurred_from")).is_empty()

    rows = opened.sort("occurred_from")
    is_repeat = Ordinals().repeats(rows["camera_code"] + rows["category"], rows["occurred_from"], 300)
    share = PLANTED.alerts.repeat_share
    by_chance = 0.02
    assert is_repeat.mean() == pytest.approx(share, abs=0.02 + by_chance)


def test_some_matches_are_moved_and_some_called_off():
    season = records.versions("city_event", SIMULATION, date(2021, 8, 1), date(2026, 6, 1))
    matches = season.filter(pl.col("category_code") == "match")
    by_match = matches.group_by("source_record_id").agg(
        pl.col("occurred_from").n_unique().alias("kick_offs"), pl.col("is_cancelled").any()
    )
    planted = PLANTED.gatherings.matches
    assert (by_match["kick_offs"] == 2).mean() == pytest.approx(planted.moved_share, abs=0.1)
    assert by_match["is_cancelled"].mean() == pytest.approx(planted.cancelled_share, abs=0.06)
    assert by_match.height > 130
    before, after = (records.listing(matches, datetime(2024, 3, 1, tzinfo=UTC) + timedelta(days=d)) for d in (0, 40))
    assert after.height > before.height


def test_measures_follow_a_moved_match_and_end_with_a_cancelled_one():
    span = date(2021, 8, 1), date(2026, 6, 1)
    matches = records.versions("city_event", SIMULATION, *span).filter(pl.col("category_code") == "match")
    measures = records.versions("event_measure", SIMULATION, *span).filter(pl.col("measure_type") == "stewards")
    last = datetime(2026, 6, 1, tzinfo=UTC)
    final = records.listing(matches, last).join(
        records.listing(measures, last),
        left_on="source_record_id",
        right_on="event_code",
        how="left",
        suffix="_measure",
    )
    lead = final["occurred_from"] - final["occurred_from_measure"]
    assert set(lead.drop_nulls()) == {timedelta(hours=3)}
    assert final["occurred_from_measure"].is_null().equals(final["is_cancelled"])


def test_a_camera_is_listed_from_its_installation_and_ends_in_place():
    cameras = versions("camera")
    counts = [
        records.listing(cameras, datetime(year, 1, 1, tzinfo=UTC)).height for year in (2019, 2021, 2023, 2024, 2026)
    ]
    assert counts == [0, 12, 24, 36, 48]
    ended = records.listing(cameras, datetime(2026, 1, 1, tzinfo=UTC)).filter(pl.col("occurred_to").is_not_null())
    assert ended["occurred_to"].dt.date().to_list() == [date(2024, 6, 30)]


def test_an_operation_is_declared_before_it_starts():
    operations = records.versions("operation", SIMULATION, date(2021, 1, 1), date(2026, 1, 1))
    assert operations.height == 5 * len(PLANTED.operations)
    lead = operations["occurred_from"] - operations["reported_at"]
    assert lead.min() > timedelta(days=20)
    start = operations["occurred_from"].min()
    assert records.listing(operations, start - timedelta(days=30)).is_empty()
    assert records.listing(operations, start - timedelta(days=1)).height == 1
