"""A backtest on files, and what it says to each mistake."""

from __future__ import annotations

import json
import math
import re
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from ml import cli
from ml.errors import ForecastError
from ml.files import check_metric
from ml.methods import METHODS

FIRST_DAY, DAYS = date(2024, 1, 1), 130
WEST, SOUTH = 4.95, 43.25
DEGREES_PER_KM = 1 / 111.2


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A square of 3 km with one hotspot, in files as the command expects them."""
    folder = tmp_path_factory.mktemp("city")
    wide, high = 3 * DEGREES_PER_KM / math.cos(math.radians(SOUTH)), 3 * DEGREES_PER_KM
    ring = [[WEST, SOUTH], [WEST + wide, SOUTH], [WEST + wide, SOUTH + high], [WEST, SOUTH + high], [WEST, SOUTH]]
    boundary = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates": [ring]}}],
    }
    (folder / "boundary.geojson").write_text(json.dumps(boundary))
    random = np.random.default_rng(8)
    count = DAYS * 8
    x, y = random.random(count), random.random(count)
    hot = random.random(count) < 0.4
    x[hot], y[hot] = 0.5, 0.5
    frame = pl.DataFrame(
        {
            "occurred_local": [
                datetime.combine(FIRST_DAY, datetime.min.time()) + timedelta(days=number // 8, hours=number % 24)
                for number in range(count)
            ],
            "longitude_deg": WEST + x * wide,
            "latitude_deg": SOUTH + y * high,
            "category_code": random.choice(["THEFT", "NOISE", "ARSON"], count, p=[0.6, 0.39, 0.01]),
            "detection_mode": random.choice(["reported", "discovered"], count, p=[0.9, 0.1]),
        }
    )
    frame.write_parquet(folder / "incidents.parquet")
    (folder / "groups.yml").write_text("property: [THEFT, ARSON]\n")
    return folder


def arguments(city, **changes):
    given = {
        "incidents": city / "incidents.parquet",
        "boundary": city / "boundary.geojson",
        "epsg": 2154,
        "category": "property",
        "groups": city / "groups.yml",
        "from": FIRST_DAY + timedelta(days=100),
        "to": FIRST_DAY + timedelta(days=105),
        "horizon-days": 1,
    } | changes
    return ["backtest", *(part for name, value in given.items() for part in (f"--{name}", str(value)))]


def run(monkeypatch, capsys, *given):
    monkeypatch.setattr("sys.argv", ["observatory-ml", *map(str, given)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code, capsys.readouterr()


def test_a_backtest_writes_every_method_day_and_cell(city, tmp_path):
    out, report = tmp_path / "deep" / "p.parquet", tmp_path / "report"
    done = CliRunner().invoke(cli.app, [*arguments(city), "--out", str(out), "--report", str(report)])
    assert done.exit_code == 0, done.output
    for method in ("lightgbm", "flat", "mean_28d", "mean_365d", "kernel_density"):
        assert method in done.output
    written = pl.read_parquet(out)
    assert written.columns == [
        "method", "forecast_date", "horizon_days", "cell_id", "expected_count", "lower_80", "upper_80",
    ]  # fmt: skip
    cells = written["cell_id"].n_unique()
    assert 130 <= cells <= 150
    assert written.height == 5 * 6 * cells == written.select("method", "forecast_date", "cell_id").unique().height
    assert written.filter(pl.col("lower_80") > pl.col("upper_80")).is_empty()
    assert {path.name for path in report.iterdir()} == {"scores.csv", "curves.png", "map.png"}
    ours = written.filter(pl.col("method") == "lightgbm").group_by("cell_id").agg(pl.col("expected_count").sum())
    assert ours["expected_count"].max() > 0.25 * ours["expected_count"].sum()


def test_all_methods_stand_side_by_side(city, tmp_path):
    out = tmp_path / "p.parquet"
    given = arguments(city, methods="all", to=FIRST_DAY + timedelta(days=101), out=out)
    done = CliRunner().invoke(cli.app, given)
    assert done.exit_code == 0, done.output
    totals = pl.read_parquet(out).group_by("method").agg(pl.col("expected_count").sum() / 2)
    assert set(totals["method"]) == set(METHODS)
    assert totals["expected_count"].is_between(3, 7).all()


def test_discovered_rows_neither_train_nor_count(city):
    from ml.files import read_city

    read = read_city(
        city / "incidents.parquet", city / "boundary.geojson", epsg=2154, cell_size_m=250, category="all", groups={}
    )
    frame = pl.read_parquet(city / "incidents.parquet")
    reported = frame.filter(pl.col("detection_mode") == "reported").height
    assert 0.95 * reported <= read.panel.totals.sum() <= reported


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"incidents": "nowhere.parquet"}, "nowhere.parquet: no such file"),
        ({"epsg": 4326}, r"--epsg: EPSG:4326 .*degree; expected a projected reference system in metres"),
        ({"epsg": 2913}, r"whose unit is the foot"),
        ({"epsg": 1}, "which does not exist"),
        (
            {"category": "PIRACY"},
            r"--category: 'PIRACY', of which incidents.parquet has no row; expected 'all'",
        ),
        ({"from": "2030-01-01", "to": "2030-02-01"}, r"days 2030-01-01..2030-02-01; expected days in order within"),
        ({"from": "2024-04-20", "to": "2024-04-10"}, r"expected days in order"),
        ({"from": "2024-02-01", "to": "2024-02-02"}, r"31 days with .*; expected at least 60 days and 100"),
        ({"category": "ARSON"}, r"located incidents; expected at least 60 days and 100"),
        ({"methods": "lightgbm,sepp"}, r"methods: unknown sepp"),
        ({"cell-size-m": 100_000}, r"holds the centre of no cell of 100000 m"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(city, monkeypatch, capsys, changes, said):
    code, printed = run(monkeypatch, capsys, *arguments(city, **changes))
    assert code == 2
    assert "Traceback" not in printed.err
    line = printed.err.strip().splitlines()[-1]
    assert re.search(said, line), line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop("latitude_deg"), r"Add or rename \['latitude_deg'\]"),
        (lambda f: f.with_columns(occurred_local=pl.lit("x")), "occurred_local of type String"),
        (lambda f: f.clear(), "has no row"),
        (lambda f: f.with_columns(longitude_deg=pl.lit(12.0)), "none of them inside boundary.geojson"),
    ],
)
def test_spoilt_incidents_are_said(city, tmp_path, monkeypatch, capsys, *, change, said):
    change(pl.read_parquet(city / "incidents.parquet")).write_parquet(tmp_path / "spoilt.parquet")
    code, printed = run(monkeypatch, capsys, *arguments(city, incidents=tmp_path / "spoilt.parquet"))
    assert code == 2
    assert re.search(said, printed.err), printed.err


@pytest.mark.parametrize("text", ["property THEFT", "- THEFT", "property: THEFT", "a: [b"])
def test_spoilt_groups_are_said(city, tmp_path, monkeypatch, capsys, text):
    (tmp_path / "groups.yml").write_text(text)
    code, printed = run(monkeypatch, capsys, *arguments(city, groups=tmp_path / "groups.yml"))
    assert code == 2
    assert "expected a mapping of group names to lists" in printed.err


def test_spoilt_files_are_said(city, tmp_path, monkeypatch, capsys):
    (tmp_path / "spoilt").write_text("neither Parquet nor JSON")
    code, printed = run(monkeypatch, capsys, *arguments(city, incidents=tmp_path / "spoilt"))
    assert (code, "expected a Parquet file" in printed.err) == (2, True)
    code, printed = run(monkeypatch, capsys, *arguments(city, boundary=tmp_path / "spoilt"))
    assert (code, "expected GeoJSON polygons" in printed.err) == (2, True)


def test_missing_options_are_said(monkeypatch, capsys):
    monkeypatch.delenv("OBSERVATORY_FORECASTER_URL", raising=False)
    code, printed = run(monkeypatch, capsys, "backtest", "--from", "2024-01-01", "--to", "2024-01-02")
    assert (code, "neither --territory nor all of" in printed.err) == (2, True)
    code, printed = run(monkeypatch, capsys, "forecast", "--territory", "demo", "--day", "2024-01-01")
    assert (code, "warehouse: no address" in printed.err) == (2, True)


def test_metres_pass():
    check_metric(26916)
    with pytest.raises(ForecastError):
        check_metric(4326)
