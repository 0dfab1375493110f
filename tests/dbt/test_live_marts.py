"""The live marts on a real PostgreSQL: built alone, for one territory, as of a moment."""

from datetime import UTC, datetime, timedelta

import pytest

from observatory.orchestration.dbt import LIVE

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BUILD = ("build", *LIVE)


@pytest.fixture(scope="module")
def measured(warehouse):
    """Two cities with a site each, free for two days and slow in the last hour, and an alert each."""
    with warehouse.connect() as connection:
        for code in ("demo", "chicago"):
            connection.execute(
                "insert into raw.territory values (%s, %s, 'FR', 'Europe/Paris', true, 2154, 250)", (code, code)
            )
            connection.execute(
                """
                insert into raw.traffic_measure_hour (
                    territory_code, feed_id, site_code, hour_start, row_count, last_at,
                    flow_veh_h_mean, flow_veh_h_count, flow_veh_h_last, speed_kmh_mean, speed_kmh_count, speed_kmh_last,
                    occupancy_pct_count
                )
                select
                    %s, 'roads', 'S1', moment, 10, moment + interval '1 hour', 100, 10, 100,
                    50, 10, case when moment = %s then 10 else 50 end, 0
                from generate_series(%s, %s, interval '1 hour') as moment
                """,
                (code, NOON - timedelta(hours=1), NOON - timedelta(days=2), NOON - timedelta(hours=1)),
            )
            connection.execute(
                """
                insert into raw.video_alert (
                    territory_code, feed_id, source_record_id, version_number, content_hash, known_at, loaded_at,
                    load_id, occurred_from, occurred_precision, location_method, camera_code, category, is_repeat
                )
                values (%s, 'alerts', 'A1', 1, '', now(), now(), 1, %s, 'second', 'place', 'C1', 'density', false)
                """,
                (code, NOON - timedelta(minutes=5)),
            )


def shown(warehouse):
    query = "select territory_code, congestion_index, is_jammed, is_stale, as_of from today.traffic order by 1"
    return warehouse.rows(query, role="reader"), warehouse.rows(
        "select territory_code, alert_count, as_of from today.alert order by 1", role="reader"
    )


def test_a_first_build_for_one_territory_leaves_the_others_unchanged(dbt, warehouse, measured):
    built = dbt(*BUILD, territory_code="demo", as_of="2026-03-02T12:00:00+00:00")
    assert {"traffic", "transit", "alert"} <= set(built)
    assert not [name for name in built if name.startswith(("fct_", "dim_"))]
    traffic, alerts = shown(warehouse)
    # a first build has no earlier rows to keep
    assert traffic == [(code, 0.8, True, False, NOON) for code in ("chicago", "demo")]
    later = NOON + timedelta(hours=1)
    dbt(*BUILD, territory_code="demo", as_of="2026-03-02T14:00:00+01:00")
    traffic, alerts = shown(warehouse)
    assert traffic == [("chicago", 0.8, True, False, NOON), ("demo", 0.8, True, True, later)]
    assert alerts == [("chicago", 1, NOON), ("demo", 1, later)]
    before = shown(warehouse)
    dbt(*BUILD, territory_code="demo", as_of="2026-03-02T13:00:00Z")
    assert shown(warehouse) == before


def test_a_cleared_alert_is_absent_after_the_next_build(dbt, warehouse, measured):
    with warehouse.connect() as connection:
        connection.execute(
            """
            insert into raw.video_alert (
                territory_code, feed_id, source_record_id, version_number, content_hash, known_at, loaded_at,
                load_id, occurred_from, occurred_to, occurred_precision, location_method, camera_code, category,
                is_repeat
            )
            values (
                'demo', 'alerts', 'A1', 2, '', now(), now(), 1, %s, %s, 'second', 'place', 'C1', 'density', false
            )
            """,
            (NOON - timedelta(minutes=5), NOON + timedelta(minutes=5)),
        )
    dbt(*BUILD, territory_code="demo", as_of="2026-03-02T13:00:00Z")
    assert [row[0] for row in shown(warehouse)[1]] == ["chicago"]


def test_a_moment_in_another_format_is_refused(dbt):
    refused = dbt.attempt(*BUILD, as_of="yesterday'; drop table raw.zone; --")
    assert not refused.success
    messages = [str(refused.exception), *(str(result.message) for result in refused.result or [])]
    assert any("variable as_of" in message and "expected a value like" in message for message in messages)
