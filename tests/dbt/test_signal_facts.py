"""The facts of signals on a real PostgreSQL: planted records, summed by the loader, seen by readers hour by hour."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import psycopg
import pytest
import sqlalchemy as sa

from observatory.contracts import CONTRACTS
from observatory.records.check import REJECTED
from observatory.records.feed_window import LoadWindow
from observatory.signals.load import loading_signals
from observatory.window import Window

HOUR = timedelta(hours=1)
ZONES = {"demo": "Europe/Paris", "chicago": "America/Chicago"}
FACTS = ("fct_traffic_measure", "fct_transit_service", "fct_parking_occupancy", "fct_population_flow")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
"""Days of 23 and of 25 hours in Paris."""


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def load(warehouse, territory, kind, *records, feed="f"):
    """Load records, each a moment and what it says, through the loader's own code, as its role."""
    of = CONTRACTS[kind]
    rows = [
        {"occurred_from": moment, "occurred_to": moment + HOUR / 10, "source_record_id": f"{moment}{number}", **said}
        for number, (moment, said) in enumerate(records)
    ]
    always = {"occurred_precision": "minute", "location_method": "none", "known_at": at("2026-12-01T00:00")}
    frame = pl.DataFrame([always | row for row in rows], infer_schema_length=None)
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in of.schema.items() if name not in frame.columns]
    frame = frame.with_columns(absent).select(of.columns).cast(dict(of.schema))
    window = Window(date(2026, 1, 1), date(2027, 1, 1), ZONES[territory])
    with loading_signals(sa.make_url(warehouse.url("loader")), LoadWindow(territory, feed, of, window)) as opened:
        opened.add(frame, pl.DataFrame(schema=REJECTED))


def speed(moment, value, site="S", **more):
    return moment, {"site_code": site, "speed_kmh": value, **more}


@pytest.fixture(scope="module")
def facts(dbt, warehouse):
    """The views, built once from empty sums: what is loaded later shows without a build."""
    with warehouse.connect() as connection:
        for code, zone in ZONES.items():
            connection.execute(
                "insert into raw.territory values (%s, %s, 'FR', %s, %s, 2154, 250)", (code, code, zone, code == "demo")
            )
    dbt("run", "--select", "+tag:now", *(f"+{name}" for name in FACTS))
    with warehouse.connect("transformer") as connection:
        connection.execute(
            "insert into core.dim_cell (territory_code, cell_id, cell_size_m, epsg, is_forecast_cell)"
            " values ('demo', 'c1', 250, 2154, true)"
        )
    return warehouse


def test_a_missing_measurement_is_null_and_an_empty_road_is_0(facts):
    noon = at("2026-05-04T10:00")
    load(facts, "demo", "traffic_measure", speed(noon, None, "blind", flow_veh_h=3.0), speed(noon, 0.0, "standing"),
         feed="null")  # fmt: skip
    seen = facts.rows(
        "select site_code, speed_kmh_mean, speed_kmh_count, speed_kmh_last, flow_veh_h_mean, is_simulated"
        " from core.fct_traffic_measure where feed_id = 'null' order by 1",
        role="reader",
    )
    assert seen == [("blind", None, 0, None, 3.0, True), ("standing", 0.0, 1, 0.0, None, True)]


def test_a_late_record_changes_only_its_own_hour(facts):
    first, second = at("2026-05-05T10:00"), at("2026-05-05T11:00")
    query = (
        "select hour_start, speed_kmh_mean, row_count from core.fct_traffic_measure where feed_id = 'late' order by 1"
    )
    load(facts, "demo", "traffic_measure", speed(first, 50), speed(second, 40), feed="late")
    assert facts.rows(query, role="reader") == [(first, 50.0, 1), (second, 40.0, 1)]
    load(facts, "demo", "traffic_measure", speed(first + HOUR / 2, 30), feed="late")
    assert facts.rows(query, role="reader") == [(first, 40.0, 2), (second, 40.0, 1)]


@pytest.mark.parametrize(("day", "hours"), [(SPRING, 23), (AUTUMN, 25)])
def test_a_day_of_23_or_25_hours_has_each_hour_once(facts, day, hours):
    window = Window.of_day(day, "Europe/Paris")
    moments = [window.start + HOUR * number for number in range(-1, hours + 1)]
    load(facts, "demo", "traffic_measure", *(speed(moment, 50) for moment in moments), feed=f"clock {day}")
    seen = facts.rows(
        "select hour_start, hour_of_day from core.fct_traffic_measure"
        " where feed_id = %s and local_date = %s order by 1",
        f"clock {day}",
        day,
        role="reader",
    )
    assert [moment for moment, _ in seen] == moments[1:-1]
    clock = [hour for _, hour in seen]
    assert len(clock) == hours
    assert (clock.count(2), clock.count(3)) == ((0, 1) if day == SPRING else (2, 1))


def test_two_cities_have_their_own_days_and_cells(facts):
    moment = at("2026-05-06T02:00")
    for code in ZONES:
        load(facts, code, "parking_occupancy", (moment, {"car_park_code": "P", "free_count": 0, "cell_id": "c1"}))
    seen = facts.rows(
        "select territory_code, local_date, hour_of_day, cell_id, free_count_mean, capacity_count_mean, is_simulated"
        " from core.fct_parking_occupancy order by 1",
        role="reader",
    )
    assert seen == [
        ("chicago", date(2026, 5, 5), 21, "unlocated", 0.0, None, False),
        ("demo", date(2026, 5, 6), 4, "c1", 0.0, None, True),
    ]


def test_a_suppressed_volume_is_marked_and_stays_null(facts):
    moment = at("2026-05-07T08:00")
    slots = [("residents", 120.0), ("visitors", None), ("workers", 20.0), ("workers", None)]
    load(facts, "demo", "population_flow", *(
        (moment, {"occurred_to": moment + 2 * HOUR, "zone_code": "Z", "segment": segment, "volume_count": volume,
                  "is_suppressed": volume is None})
        for segment, volume in slots
    ))  # fmt: skip
    seen = facts.rows(
        "select segment, row_count, volume_count_mean, volume_count_count, suppressed_count, is_suppressed"
        " from core.fct_population_flow order by 1",
        role="reader",
    )
    assert seen == [
        ("residents", 1, 120.0, 1, 0, False),
        ("visitors", 1, None, 0, 1, True),
        ("workers", 2, 20.0, 1, 1, False),
    ]


def trip(moment, record_type, code, line="T1", **more):
    return moment, {"record_type": record_type, "line_code": line, "trip_code": code, **more}


def transit(warehouse):
    return warehouse.rows(
        "select territory_code, planned_trip_count, observed_trip_count, delay_s_mean, is_disrupted, is_stale"
        " from today.transit order by 1",
        role="reader",
    )


def test_a_lines_state_is_computed_from_its_running_trips_in_each_city(dbt, facts):
    """Two stops each of four trips planned; one trip runs in demo, all in the other city."""
    hour, now = at("2026-05-08T10:00"), "2026-05-08T11:10:00+00:00"
    stops = [(f"trip {number}", hour + HOUR / 60 * (10 * number + stop)) for number in range(4) for stop in range(2)]
    for code, running in (("demo", 1), ("chicago", 4)):
        load(facts, code, "transit_service", *(trip(moment, "planned", name) for name, moment in stops), feed="plan")
        seen = [trip(moment, "observed", name, delay_s=60) for name, moment in stops[: 2 * running]]
        seen.append(trip(hour + HOUR, "observed", "trip 9", "T2", occurred_to=hour + HOUR + HOUR / 10))
        load(facts, code, "transit_service", *seen, feed="live")
    dbt("build", "--select", "transit", as_of=now)
    with_t1 = [row for row in transit(facts) if row[1] is not None and row[1] > 0]
    assert with_t1 == [("chicago", 4, 4, 60.0, False, False), ("demo", 4, 1, 60.0, True, False)]
    dbt("run", "--select", "transit", territory_code="demo", as_of="2026-05-08T12:10:00+00:00")
    assert [row for row in transit(facts) if row[0] == "chicago" and row[1]] == with_t1[:1]
    assert {row[1:] for row in transit(facts) if row[0] == "demo"} == {(None, None, None, None, True)}


def test_readers_can_read_and_only_dbt_can_write(facts):
    for relation in [f"core.{name}" for name in FACTS] + ["today.transit"]:
        facts.rows(f"select * from {relation} limit 1", role="reader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            facts.rows(f"select * from {relation} limit 1", role="loader")
        writers = facts.rows(
            "select role from unnest(array['loader', 'reader', 'forecaster', 'transformer']) as role"
            " where has_table_privilege(role, %s, 'insert, update, delete, truncate')",
            relation,
        )
        assert writers == [("transformer",)]


@pytest.mark.parametrize(
    ("kind", "series"),
    [
        ("traffic_measure", {"site_code": "'S' || s"}),
        ("transit_service", {"record_type": "'planned'", "line_code": "'L' || s"}),
        ("parking_occupancy", {"car_park_code": "'P' || s"}),
        ("population_flow", {"zone_code": "'Z' || s", "segment": "'all'"}),
    ],
)
def test_a_query_for_a_citys_hours_uses_the_index(facts, kind, series):
    """The conditions on a fact reach the key of its sums, through both views and the joins."""
    counts = {name: "0" for name, dtype in CONTRACTS[kind].hour_schema.items() if dtype == pl.Int64()}
    values = {**series, **counts}
    with facts.connect() as connection:
        connection.execute(
            f"insert into raw.{kind}_hour (territory_code, feed_id, hour_start, last_at, {', '.join(values)})"
            f" select city, 'many', h, h, {', '.join(values.values())} from unnest(array['demo', 'chicago']) as city,"
            " generate_series(1, 20) as s,"
            " generate_series(timestamptz '2025-01-01', timestamptz '2025-02-09', interval '1 hour') as h"
        )
        connection.execute(f"analyze raw.{kind}_hour")
        plan = "\n".join(
            line
            for (line,) in connection.execute(
                f"explain select * from core.fct_{kind} where territory_code = 'demo'"
                " and hour_start >= '2025-02-01' and hour_start < '2025-02-02'"
            )
        )
        connection.execute(f"delete from raw.{kind}_hour where feed_id = 'many'")
    conditions = [line for line in plan.splitlines() if "Index Cond" in line and "hour_start" in line]
    assert conditions, plan
    assert all("territory_code = 'demo'" in line for line in conditions), plan
    assert f"Seq Scan on {kind}_hour" not in plan
