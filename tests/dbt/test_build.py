"""The project on a real PostgreSQL, as the role dbt runs as: builds, grants, views, messages, tests that can fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

ROOT = Path(__file__).parents[2]
TABLES = ["dim_category", "dim_cell", "dim_date", "dim_territory", "dim_zone", "fct_incident", "fct_incident_cell_day"]
WITHOUT_UNIT_TESTS = ("--exclude-resource-type", "unit_test")
SIGNALS = ["fct_traffic_measure", "fct_transit_service", "fct_parking_occupancy", "fct_population_flow"]
RELATIONS = [f"core.{name}" for name in (*TABLES, *SIGNALS, "fct_incident_version", "category_map")]
RELATIONS += ["today.alert", "today.traffic", "today.transit"]
RELATIONS += ["tomorrow.abstention", "tomorrow.hotspot", "tomorrow.skill"]


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def contents(warehouse):
    digest = "select count(*), md5(string_agg(t::text, '|' order by t::text)) from core.{} as t"
    return {table: warehouse.rows(digest.format(table)) for table in TABLES}


@pytest.fixture(scope="module", autouse=True)
def first_build(dbt, warehouse):
    """The very first build, from raw tables without a row, with everything tested."""
    return dbt("build", "--exclude-resource-type", "exposure")


def test_builds_from_empty_raw_tables(first_build, warehouse):
    assert {result.status for result in first_build.values()} == {"success", "pass"}
    assert warehouse.rows("select count(*) from core.fct_incident") == [(0,)]
    assert warehouse.rows("select count(*) from core.dim_category where category_code = 'unmapped'") == [(1,)]


def test_counts_agree_and_a_second_build_changes_nothing(dbt, warehouse, raw):
    for number in range(20):
        raw.incident("demo", f"d{number}", moment("2026-03-29T00:30:00") + timedelta(hours=5 * number))
        raw.incident("chicago", f"c{number}", moment("2026-03-29T00:30:00"), category=" theft ", cell=None)
    dbt("build", *WITHOUT_UNIT_TESTS)
    first = contents(warehouse)
    assert warehouse.rows("select sum(incident_count) from core.fct_incident_cell_day") == [(40,)]
    assert warehouse.rows(
        "select distinct cell_id, category_code, occurred_date from core.fct_incident where territory_code = 'chicago'"
    ) == [("unlocated", "theft", date(2026, 3, 28))]
    dbt("build", *WITHOUT_UNIT_TESTS, territory_code="demo", window_start="2026-03-28", window_end="2026-04-05")
    assert contents(warehouse) == first
    dbt("build", *WITHOUT_UNIT_TESTS, "--full-refresh")
    assert contents(warehouse) == first


def test_readers_can_read_only_core_and_marts_also_after_rebuilds(dbt, warehouse):
    dbt("run", "--full-refresh")
    dbt("run")
    for relation in RELATIONS:
        warehouse.rows(f"select * from {relation} limit 1", role="reader")
        if relation.startswith("core."):
            warehouse.rows(f"select * from {relation} limit 1", role="forecaster")
    for relation in (
        "raw.incident",
        "staging.stg_incident",
        "staging.int_incident_versions_conformed",
        "staging.category",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            warehouse.rows(f"select * from {relation} limit 1", role="reader")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        warehouse.rows("delete from core.fct_incident", role="reader")


def test_views_are_replaced_in_place(dbt, warehouse):
    """A dashboard's own view on ours survives a build; readers never find a view gone."""
    with warehouse.connect() as connection:
        connection.execute(
            "create view public.dashboard as"
            " select h.*, c.epsg from tomorrow.hotspot as h join core.dim_cell as c using (cell_id)"
        )
    oid = "select 'tomorrow.hotspot'::regclass::oid, 'core.fct_incident'::regclass::oid, 'core.dim_cell'::regclass::oid"
    before = warehouse.rows(oid)
    dbt("run")
    assert warehouse.rows(oid) == before
    assert warehouse.rows("select * from public.dashboard") == []
    with warehouse.connect() as connection:
        connection.execute("drop view public.dashboard")


def test_a_view_whose_columns_changed_is_recreated(dbt, warehouse):
    with warehouse.connect("transformer") as connection:
        connection.execute("drop view tomorrow.skill; create view tomorrow.skill as select 1 as something_else")
    dbt("run", "--select", "skill")
    assert warehouse.rows("select territory_code from tomorrow.skill", role="reader") == []


def test_an_unknown_code_or_a_changed_map_is_a_warning(dbt, warehouse, raw):
    raw.incident("demo", "a", moment("2026-03-29T12:00:00"), category="NOUVEAU")
    results = dbt("build", *WITHOUT_UNIT_TESTS)
    assert results["every_source_category_is_mapped"].status == "warn"
    assert warehouse.rows("select category_code, is_trainable from core.fct_incident") == [("unmapped", False)]
    with warehouse.connect("transformer") as connection:
        connection.execute("insert into core.category_map values ('demo', 'NOUVEAU', 'theft', 'reported')")
    assert (
        dbt("test", "--select", "history_follows_the_category_map")["history_follows_the_category_map"].status == "warn"
    )


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"window_start": "2026-03-01"}, "2026-03-01 and None; expected both or neither"),
        (
            {"window_start": "2026-03-02", "window_end": "2026-03-02"},
            "expected both or neither, the end after the start",
        ),
        ({"window_start": "March", "window_end": "2026-03-02"}, "variable window_start: March; expected a value like"),
        ({"territory_code": "x' or true --"}, "variable territory_code: x' or true --; expected a value like chicago"),
    ],
)
def test_an_invalid_scope_is_refused_with_found_and_action(dbt, warehouse, variables, message):
    before = contents(warehouse)
    outcome = dbt.attempt("run", "--select", "fct_incident", **variables)
    assert not outcome.success
    (result,) = [result for result in outcome.result if result.status == "error"]
    assert message in result.message
    assert "Correct" in result.message
    assert contents(warehouse) == before


def test_a_newly_loaded_city_is_analysed_for_the_planner(dbt, warehouse, raw):
    """Without them its rows count as one, and are joined each with each: minutes instead of a second."""
    known = "select most_common_vals::text from pg_stats where tablename = 'incident' and attname = 'territory_code'"
    raw.connection.execute("analyze raw.incident")
    for number in range(9):
        raw.incident("chicago", f"a{number}", moment("2026-03-29T12:00:00"))
    assert warehouse.rows(known) != [("{chicago}",)]
    dbt("run", "--select", "dim_territory")
    assert warehouse.rows(known) == [("{chicago}",)]


def test_an_incident_of_an_unknown_territory_is_reported(dbt, raw):
    raw.connection.execute("delete from raw.territory where territory_code = 'chicago'")
    raw.incident("chicago", "a", moment("2026-03-29T12:00:00"))
    outcome = dbt.attempt("build", "--select", "stg_incident_version")
    assert [r.node.name for r in outcome.result if r.status == "fail"] == [
        "every_incident_belongs_to_a_known_territory"
    ]


@pytest.mark.parametrize(
    ("damage", "caught_by"),
    [
        ("delete from core.fct_incident where source_record_id = 'a'", "map_equals_table_equals_total"),
        ("delete from core.fct_incident where source_record_id = 'a'", "every_listed_incident_is_in_the_fact"),
        ("update core.fct_incident set version_number = 9", "every_listed_incident_is_in_the_fact"),
        ("update core.fct_incident_cell_day set incident_count = 5", "map_equals_table_equals_total"),
        ("delete from core.dim_cell where cell_id = 'c1'", "related_fct_incident"),
    ],
)
def test_data_tests_detect_damaged_tables(dbt, warehouse, raw, damage, caught_by):
    raw.incident("demo", "a", moment("2026-03-29T12:00:00"))
    raw.incident("demo", "b", moment("2026-03-29T12:00:00"))
    dbt("run", "--select", "core")
    with warehouse.connect("transformer") as connection:
        connection.execute(damage)
    outcome = dbt.attempt("test", "--select", "test_type:singular", "fct_incident", *WITHOUT_UNIT_TESTS)
    assert any(r.node.name.startswith(caught_by) for r in outcome.result if r.status == "fail")


def test_the_date_dimension_agrees_with_python(warehouse):
    rows = warehouse.rows(
        "select calendar_date, iso_year, iso_week, iso_weekday, day_of_year, weekday_name, is_weekend,"
        " month_start_date, quarter_number from core.dim_date"
    )
    assert len(rows) == (date(2050, 1, 1) - date(2000, 1, 1)).days
    for day, *found in rows:
        iso = day.isocalendar()
        assert found == [iso.year, iso.week, iso.weekday, day.timetuple().tm_yday, day.strftime("%A"), iso.weekday >= 6,
                         day.replace(day=1), (day.month + 2) // 3]  # fmt: skip


def test_a_forecast_is_visible_as_soon_as_it_is_written(dbt, warehouse, raw):
    dbt("run", "--select", "core", "tomorrow")
    with warehouse.connect("forecaster") as connection:
        connection.execute(
            "insert into ml.model values"
            " ('m', 'demo', 'property', 'lightgbm', '2026-01-01', '2026-03-01', now(), 9, '{}', '', '{}')"
        )
        for day in ("2026-03-30", "2026-04-02"):
            connection.execute("select ml.ensure_forecast_partition(%s)", [day])
            connection.execute(
                "insert into ml.hotspot_forecast"
                " values ('demo', 'property', %s, 'c1', 1, 'm', now(), 0.5, 0.4, 1, 0, 2)",
                [day],
            )
    seen = warehouse.rows(
        "select forecast_date, is_latest, method, district_code, longitude_deg, is_simulated, lower_80, upper_80"
        " from tomorrow.hotspot order by 1",
        role="reader",
    )
    assert seen == [
        (date(2026, 3, 30), False, "lightgbm", "D1", 5.0, True, 0, 2),
        (date(2026, 4, 2), True, "lightgbm", "D1", 5.0, True, 0, 2),
    ]
    plan = warehouse.rows(
        "explain (analyze, costs off) select * from tomorrow.hotspot where is_latest and territory_code = 'demo'"
    )
    assert any("never executed" in line or "2026_04" in line for (line,) in plan)
    dbt("test", "--select", "hotspot", "stg_hotspot_forecast")


def test_readers_can_read_why_there_is_no_forecast(dbt, warehouse, raw):
    dbt("run", "--select", "dim_territory", "tomorrow")
    with warehouse.connect("forecaster") as connection:
        for group, reason in (("violent", "40 % of them located"), ("property", "")):
            connection.execute(
                "insert into ml.abstention values ('demo', %s, '2026-04-02', '2026-04-01 22:00+00', %s)",
                [group, reason],
            )
    seen = "select category_group, forecast_date, data_as_of, reason, is_simulated from tomorrow.abstention order by 1"
    assert warehouse.rows(seen, role="reader") == [
        ("property", date(2026, 4, 2), moment("2026-04-01T22:00:00"), "", True),
        ("violent", date(2026, 4, 2), moment("2026-04-01T22:00:00"), "40 % of them located", True),
    ]
    outcome = dbt.attempt("test", "--select", "abstention", "stg_abstention")
    assert [r.node.name for r in outcome.result if r.status == "fail"] == ["every_abstention_has_a_reason"]


def test_views_from_before_intervals_existed_are_upgraded(dbt, warehouse):
    columns = (
        "select attname from pg_attribute where attrelid = 'tomorrow.hotspot'::regclass"
        " and attname in ('lower_80', 'upper_80') order by 1"
    )
    with warehouse.connect("transformer") as connection:
        old = {
            name: connection.execute(f"select pg_get_viewdef('{name}'::regclass)").fetchone()[0]
            for name in ("staging.stg_hotspot_forecast", "tomorrow.hotspot")
        }
        connection.execute("drop view staging.stg_hotspot_forecast cascade")
        for name, sql in old.items():
            lines = [line for line in sql.splitlines() if "er_80" not in line]
            connection.execute(f"create view {name} as " + "\n".join(lines))
    assert warehouse.rows(columns) == []
    dbt("run", "--select", "stg_hotspot_forecast", "hotspot")
    assert warehouse.rows(columns) == [("lower_80",), ("upper_80",)]
    assert warehouse.rows("select lower_80 from tomorrow.hotspot where false", role="reader") == []


def test_dbt_docs_describe_every_table(dbt, warehouse):
    """The command of the README, on what was built: each model with its description and its columns."""
    folders = ("--project-dir", ROOT / "dbt_project", "--profiles-dir", ROOT / "dbt_project")
    made = subprocess.run(
        [Path(sys.executable).with_name("dbt"), "docs", "generate", *folders, "--static",
         "--target-path", dbt.target / "docs", "--log-path", dbt.target],
        env=os.environ | dbt.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-1000:]
    assert (dbt.target / "docs" / "static_index.html").stat().st_size > 1_000_000
    manifest, catalog = (
        json.loads((dbt.target / "docs" / f"{name}.json").read_text()) for name in ("manifest", "catalog")
    )
    models = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    assert {f"{node['schema']}.{node['name']}" for node in models.values()} >= set(RELATIONS) - {"core.category_map"}
    for key, node in models.items():
        shown = catalog["nodes"][key]
        assert shown["metadata"]["comment"] == node["description"], key
        assert set(shown["columns"]) == set(node["columns"]), key


def test_sql_style(dbt):
    """sqlfluff compiles the models through dbt, which needs a warehouse: so it runs here."""
    checked = subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), "lint", "dbt_project/models", "dbt_project/tests"],
        cwd=ROOT, env=os.environ | dbt.environment | {"DBT_TARGET_PATH": str(dbt.target / "lint")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr[-1000:]
