"""A whole new city from one file: described, extracted, transformed and forecast, with no code of its own."""

import csv
import os
import random
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from dbt.cli.main import dbtRunner

from observatory.doctor.examine import examine
from observatory.ingest import extract
from observatory.territory.files import load_territory
from observatory.window import Window

FIRST_DAY, DAYS = date(2026, 1, 1), 90
TODAY = FIRST_DAY + timedelta(days=DAYS)
WEST, SOUTH, SIDE_M = 890_000, 6_245_000, 3_000
HOT = ((700, 700), (2_300, 1_900))
PROJECT = Path(__file__).parents[3] / "dbt_project"

TESTVILLE = """
code: testville
name: Testville
country: FR
timezone: Europe/Paris
bounds: {south: 43.15, north: 43.45, west: 5.20, east: 5.60}
grid: {epsg: 3035, cell_size_m: 250}
forecast: {category_groups: [property]}
categories:
  vol simple: {category: theft, detection_mode: reported}
  CAMBRIOLAGE: {category: burglary, detection_mode: reported}
  STUPS: {category: narcotics, detection_mode: discovered}
feeds:
  town:
    kind: zone
    source: {protocol: file, address: FOLDER, path: outline.csv, csv: {separator: ";"}}
    owner: Town
    licence: made up
    constants: {zone_type: city}
    coordinates: {epsg: 2154}
    columns: {zone_code: insee, zone_name: commune, geometry_wkt: contour}
  log:
    kind: incident
    source: {protocol: file, address: FOLDER, path: journal-*.csv, csv: {separator: ";", encoding: cp1252}}
    owner: Town
    licence: made up
    history_start: 2026-01-01
    is_complete: true
    constants: {record_type: police_log}
    date_formats: ["%d/%m/%Y %Hh%M"]
    decimal_comma: true
    coordinates: {epsg: 2154, method: street, precision_m: 100}
    publication_lag_hours: 2
    columns:
      source_record_id: numéro
      source_category_code: libellé
      occurred_from: [jour, heure]
      easting: x
      northing: y
"""


def write_outline(folder):
    east, north = WEST + SIDE_M, SOUTH + SIDE_M
    ring = f"{WEST} {SOUTH}, {east} {SOUTH}, {east} {north}, {WEST} {north}, {WEST} {SOUTH}"
    (folder / "outline.csv").write_text(f"insee;commune;contour\n99999;Testville;POLYGON (({ring}))\n")


def write_log(folder):
    """A log as an office writes it: Lambert-93 with blanks and decimal commas, French dates, old Windows letters."""
    draw = random.Random(7)
    with (folder / "journal-2026.csv").open("w", encoding="cp1252", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["numéro", "libellé", "jour", "heure", "x", "y", "agent"])
        for number in range(DAYS * 8):
            day = FIRST_DAY + timedelta(days=number // 8)
            spot = HOT[number % 2] if draw.random() < 0.6 else (draw.uniform(0, SIDE_M), draw.uniform(0, SIDE_M))
            x, y = (
                f"{corner + offset:,.1f}".replace(",", "\u00a0").replace(".", ",")
                for corner, offset in zip((WEST, SOUTH), spot, strict=True)
            )
            code = ("Vol simple ", "CAMBRIOLAGE", "vol simple", "STUPS")[number % 4]
            hour = f"{draw.randrange(24):02}h{draw.randrange(60):02}"
            writer.writerow([f"MC-{number}", code, f"{day:%d/%m/%Y}", hour, x, y, "Brigadier Durand"])


@pytest.fixture(scope="module")
def testville(tmp_path_factory):
    """The city as its file describes it, read from a folder of territories that has no other."""
    folder = tmp_path_factory.mktemp("drop")
    write_outline(folder)
    write_log(folder)
    territories = tmp_path_factory.mktemp("territories")
    (territories / "testville.yml").write_text(TESTVILLE.replace("FOLDER", str(folder)), encoding="utf-8")
    with patch.dict(os.environ, {"OBSERVATORY_TERRITORIES": str(territories)}):
        yield load_territory("testville")


@pytest.fixture(scope="module")
def loaded(testville, warehouse):
    window = Window(FIRST_DAY, TODAY, testville.timezone)
    url = sa.make_url(warehouse.url("loader"))
    return {feed_id: extract.extract(url, testville, feed_id, window) for feed_id in testville.feeds}


@pytest.fixture(scope="module")
def transformed(loaded, warehouse, tmp_path_factory):
    target = str(tmp_path_factory.mktemp("target"))
    folders = ["--project-dir", PROJECT, "--profiles-dir", PROJECT, "--target-path", target, "--log-path", target]
    with patch.dict(os.environ, warehouse.dbt_environment()):
        done = dbtRunner().invoke(["build", "--quiet", "--exclude-resource-type", "unit_test", *map(str, folders)])
    assert done.success, [f"{r.node.name}: {r.message}" for r in done.result or [] if r.status in ("error", "fail")]
    return {result.node.name: result.status for result in done.result}


def test_every_row_of_the_log_is_read_with_only_the_mapped_columns(loaded, warehouse):
    assert (loaded["log"].accepted_count, loaded["log"].rejected_count) == (DAYS * 8, 0)
    ((count, located, first),) = warehouse.rows(
        "select count(*), count(cell_id), min(occurred_from at time zone 'Europe/Paris')::date from raw.incident"
    )
    assert (count, located, first) == (DAYS * 8, DAYS * 8, FIRST_DAY)
    assert "Durand" not in str(warehouse.rows("select to_jsonb(i) from raw.incident as i"))
    cells = warehouse.rows("select count(*) from raw.cell where territory_code = 'testville'")[0][0]
    assert 100 < cells < 200, "3 km by 3 km in squares of 250 m"


def test_its_codes_have_the_categories_of_its_file(transformed, warehouse):
    assert transformed["every_source_category_is_mapped"] == "pass"
    found = warehouse.rows(
        "select source_category_code, category_code, is_trainable, count(*)::int"
        " from core.fct_incident group by 1, 2, 3"
    )
    assert sorted(found) == [
        ("CAMBRIOLAGE", "burglary", True, DAYS * 2),
        ("STUPS", "narcotics", False, DAYS * 2),
        ("VOL SIMPLE", "theft", True, DAYS * 4),
    ]


def test_the_forecast_ranks_the_planted_hotspots_first(transformed, testville, warehouse):
    from ml.jobs import warehouse as jobs

    summary = jobs.forecast(warehouse.url("forecaster"), "testville", TODAY, testville.forecast.category_groups)
    assert [group.category_group for group in summary.groups] == ["property"]
    hottest = warehouse.rows(
        "select cell_id from tomorrow.hotspot where territory_code = 'testville' and forecast_date = %s"
        " and risk_rank <= 2 order by 1",
        TODAY,
    )
    busiest = warehouse.rows("select cell_id from raw.incident group by 1 order by count(*) desc limit 2")
    assert sorted(hottest) == sorted(busiest)


def test_the_doctor_reports_no_problem_and_uses_the_warehouse(transformed, testville, warehouse, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_READER_URL", warehouse.url("reader"))
    found = examine(testville, TODAY)
    assert [(feed.status, feed.problem) for feed in found.feeds] == [("ok", None)] * 2
    (group,) = found.forecast
    assert (found.assessed_by, found.exit_code) == ("warehouse", 0)
    assert (group.history_days, group.incident_count, group.is_eligible) == (DAYS, DAYS * 6, True)
    # at the edge a few lie in cells whose centres are outside the town
    assert DAYS * 6 * 0.97 <= group.located_count <= DAYS * 6


def test_a_category_that_the_file_changes_or_removes_is_updated(transformed, testville, warehouse):
    fewer = {"CAMBRIOLAGE": testville.categories["STUPS"]}
    changed = testville.model_copy(update={"categories": fewer})
    extract.extract(sa.make_url(warehouse.url("loader")), changed, "log", Window(FIRST_DAY, TODAY, testville.timezone))
    kept = warehouse.rows("select source_category_code, category_code, detection_mode from raw.category_map")
    assert kept == [("CAMBRIOLAGE", "narcotics", "discovered")]
