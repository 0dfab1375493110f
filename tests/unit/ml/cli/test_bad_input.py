"""Invalid input gives one line with a complete error and exit code 2, through the real command line."""

from __future__ import annotations

import re
from datetime import datetime

import polars as pl
import pytest

FOUR_PARTS = re.compile(r"^[^:]+.*: .+; expected .+\. .+\.?$")


def refused(outcome, said):
    code, _, error = outcome
    line = error.strip().splitlines()[-1]
    assert code == 2, error
    assert "Traceback" not in error
    assert FOUR_PARTS.match(line), line
    assert re.search(said, line), line


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"incidents": "nowhere.parquet"}, "nowhere.parquet: no such file"),
        ({"boundary": "nowhere.geojson"}, "nowhere.geojson: no such file"),
        ({"groups": "nowhere.yml"}, "nowhere.yml: no such file"),
        ({"districts": "nowhere.geojson"}, "nowhere.geojson: no such file"),
        ({"epsg": 4326}, r"--epsg: EPSG:4326 .*degree; expected a projected reference system in metres"),
        ({"epsg": 2913}, r"whose unit is the foot"),
        ({"epsg": 1}, "which does not exist"),
        ({"epsg": None}, "neither --territory nor all of"),
        ({"category": "PIRACY"}, r"--category: 'PIRACY', of which incidents.parquet has no row; expected 'all'"),
        ({"from": "2030-01-01", "to": "2030-02-01"}, r"days 2030-01-01..2030-02-01; expected days in order within"),
        ({"to": "2030-02-01"}, r"expected days in order within 2024-01-02..2024-05-09"),
        ({"from": "2023-01-01"}, r"expected days in order within"),
        ({"from": "2024-04-20", "to": "2024-04-10"}, r"--from and --to: 2024-04-20 after 2024-04-10"),
        ({"from": "2024-02-01", "to": "2024-02-02"}, r"31 days with .*; expected at least 60 days and 100"),
        ({"from": "2024-03-03", "to": "2024-03-03", "horizon_days": 5}, r"58 days with .*; expected at least 60 days"),
        ({"category": "ARSON"}, r"located incidents; expected at least 60 days and 100"),
        ({"methods": "lightgbm,crystal_ball"}, r"methods: unknown crystal_ball; expected .*some of"),
        ({"cell_size_m": 100_000}, r"holds the centre of no cell of 100000 m"),
        ({"district_key": "name", "districts": "DISTRICTS"}, r"expected a property 'name'"),
        ({"out": "FOLDER"}, r"--out: .*, which is a folder; expected a file to write"),
        ({"out": "FILE/p.parquet"}, r"--out: .*expected a folder that can be written"),
        ({"report": "FILE"}, r"--report: .*expected a folder that can be written"),
    ],
)
def test_an_invalid_option_is_reported(observatory_ml, backtest_arguments, city_files, tmp_path, *, changes, said):
    (tmp_path / "file").write_text("")
    places = {
        "FOLDER": str(tmp_path),
        "FILE": str(tmp_path / "file"),
        "DISTRICTS": str(city_files / "districts.geojson"),
    }
    for place, path in places.items():
        changes = {
            name: value.replace(place, path) if isinstance(value, str) else value for name, value in changes.items()
        }
    refused(observatory_ml(*backtest_arguments(**changes)), said)


RECORD = pl.col("occurred_local")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("latitude_deg"), r"Add or rename \['latitude_deg'\]"),
        (lambda f: f.drop("category_code", "occurred_local"), r"Add or rename \['occurred_local', 'category_code'\]"),
        (lambda f: f.with_columns(occurred_local=pl.lit("x")), "occurred_local of type String"),
        (lambda f: f.with_columns(longitude_deg=pl.lit("west")), "longitude_deg of type String; expected degrees"),
        (
            lambda f: f.with_columns(RECORD.dt.replace_time_zone("UTC")),
            "occurred_local on the clock of UTC; expected the city's own clock, without a time zone",
        ),
        (lambda f: f.with_columns(occurred_local=pl.lit(None, pl.Datetime)), "none with a value in occurred_local"),
        (lambda f: f.clear(), "no row; expected incidents that were reported"),
        (lambda f: f.with_columns(detection_mode=pl.lit("discovered")), "none of which may train"),
        (lambda f: f.with_columns(longitude_deg=pl.lit(12.0)), "none of them inside boundary.geojson"),
        (lambda f: f.with_columns(longitude_deg="latitude_deg", latitude_deg="longitude_deg"), "none of them inside"),
        (lambda f: f.with_columns(longitude_deg=pl.lit(7_650_000.0), latitude_deg=pl.lit(690_000.0)), "none of them"),
        (lambda f: f.with_columns(longitude_deg=pl.lit(None)), "0 located incidents that may train"),
        (
            lambda f: f.with_columns(
                pl.when(pl.int_range(pl.len()) % 3 > 0).then(None).otherwise("longitude_deg").alias("longitude_deg")
            ),
            r"3\d% of them located; expected at least 50%",
        ),
        (
            lambda f: f.filter(~RECORD.is_between(datetime(2024, 3, 10), datetime(2024, 4, 10))),
            "no incident at all on 2024-03-10..2024-04-09, which covers the days the forecast learns its level from",
        ),
        (
            lambda f: f.filter(~RECORD.is_between(datetime(2024, 4, 9), datetime(2024, 4, 18))),
            "no incident at all on 2024-04-09..2024-04-17, which covers the days forecast",
        ),
        (lambda f: f.filter(RECORD.ge(datetime(2024, 4, 1))), "9 days with .* located incidents; expected at least 60"),
    ],
)
def test_invalid_incidents_are_reported(observatory_ml, backtest_arguments, city_files, tmp_path, *, change, said):
    change(pl.read_parquet(city_files / "incidents.parquet")).write_parquet(tmp_path / "spoilt.parquet")
    refused(observatory_ml(*backtest_arguments(incidents=tmp_path / "spoilt.parquet")), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("property THEFT", "expected a mapping of group names to lists"),
        ("- THEFT", "expected a mapping"),
        ("property: THEFT", "expected a mapping"),
        ("a: [b", "expected a mapping"),
        ("property: [THEFTT]", "--category: 'property', of which incidents.parquet has no row"),
    ],
)
def test_invalid_groups_are_reported(observatory_ml, backtest_arguments, tmp_path, text, said):
    (tmp_path / "groups.yml").write_text(text)
    refused(observatory_ml(*backtest_arguments(groups=tmp_path / "groups.yml")), said)


def test_a_group_may_name_a_code_that_this_extract_lacks(observatory_ml, backtest_arguments, tmp_path):
    (tmp_path / "groups.yml").write_text("property: [THEFT, THEFTT]")
    code, printed, _ = observatory_ml(*backtest_arguments(groups=tmp_path / "groups.yml"))
    assert code == 0
    assert "note: No row has the category_code THEFTT, which the group names." in printed


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("incidents", "expected a Parquet file"),
        ("boundary", "expected GeoJSON polygons"),
        ("districts", "expected GeoJSON polygons"),
    ],
)
@pytest.mark.parametrize(
    "content", [b"neither Parquet nor JSON", b"", b'{"type": "FeatureCollection", "features": []}']
)
def test_files_in_another_format_are_reported(observatory_ml, backtest_arguments, tmp_path, *, option, said, content):
    (tmp_path / "spoilt").write_bytes(content)
    refused(observatory_ml(*backtest_arguments(**{option: tmp_path / "spoilt"})), said)


def test_too_many_cells_are_refused_before_they_are_created(observatory_ml, backtest_arguments, tmp_path):
    ring = "[[0,43],[7,43],[7,49],[0,49],[0,43]]"
    (tmp_path / "country.geojson").write_text(f'{{"type":"Polygon","coordinates":[{ring}]}}')
    said = r"--cell-size-m: cells of 250 m, of which country.geojson holds [\d,]+; expected at most 500,000 cells"
    refused(observatory_ml(*backtest_arguments(boundary=tmp_path / "country.geojson")), said)


def test_missing_options_are_reported(observatory_ml, monkeypatch):
    monkeypatch.delenv("OBSERVATORY_FORECASTER_URL", raising=False)
    refused(observatory_ml("backtest", "--from", "2024-01-01", "--to", "2024-01-02"), "neither --territory nor all of")
    refused(observatory_ml("forecast", "--territory", "demo", "--day", "2024-01-01"), "warehouse: no address")
