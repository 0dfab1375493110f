"""A backtest on files: what it writes, what it prints, and what it says of the data."""

from __future__ import annotations

import html
import re
from datetime import date, datetime, timedelta

import polars as pl
import pytest

from ml.errors import ForecastError
from ml.files.city import read_city
from ml.files.places import check_metric, read_districts
from ml.models.registry import METHODS as EVERY_METHOD

FIRST_DAY = date(2024, 1, 1)
METHODS = ("lightgbm", "flat", "mean_28d", "mean_365d", "kernel_density")


@pytest.fixture
def read(city_files):
    def from_files(incidents=city_files / "incidents.parquet", **options):
        settings = {"epsg": 2154, "cell_size_m": 250, "category": "all", "groups": {}} | options
        return read_city(incidents, city_files / "boundary.geojson", **settings)

    return from_files


def test_a_backtest_writes_every_method_day_and_cell(observatory_ml, backtest_arguments, tmp_path):
    out = tmp_path / "deep" / "p.parquet"
    code, printed, _ = observatory_ml(*backtest_arguments(out=out, methods=",".join((*METHODS, "flat"))))
    assert code == 0
    assert all(method in printed for method in METHODS)
    written = pl.read_parquet(out)
    assert written.columns == [
        "method", "forecast_date", "horizon_days", "cell_id", "expected_count", "lower_80", "upper_80",
    ]  # fmt: skip
    cells = written["cell_id"].n_unique()
    assert 130 <= cells <= 150
    assert written.height == 5 * 6 * cells == written.select("method", "forecast_date", "cell_id").unique().height
    assert written.filter(pl.col("lower_80") > pl.col("upper_80")).is_empty()
    ours = written.filter(pl.col("method") == "lightgbm").group_by("cell_id").agg(pl.col("expected_count").sum())
    assert ours["expected_count"].max() > 0.25 * ours["expected_count"].sum()


def test_a_report_compares_all_methods(observatory_ml, backtest_arguments, tmp_path):
    out = tmp_path / "p.parquet"
    code, _, error = observatory_ml(*backtest_arguments(methods="all", to=FIRST_DAY + timedelta(days=101), out=out))
    assert code == 0, error
    totals = pl.read_parquet(out).group_by("method").agg(pl.col("expected_count").sum() / 2)
    assert set(totals["method"]) == set(EVERY_METHOD)
    assert totals["expected_count"].is_between(3, 7).all()


def test_a_report_is_one_page_without_external_resources(observatory_ml, backtest_arguments, city_files, tmp_path):
    report = tmp_path / "report"
    last = FIRST_DAY + timedelta(days=127)
    arguments = backtest_arguments(
        category="all", report=report, to=last, districts=city_files / "districts.geojson", district_key="label"
    )
    code, printed, _ = observatory_ml(*arguments, "--methods", "lightgbm,flat,mean_28d")
    assert code == 0
    assert {path.name for path in report.iterdir()} == {
        "report.html", "scores.csv", "differences.csv", "hit_rate.csv", "calibration.csv", "pit.csv",
        "differences.png", "hit_rate.png", "calibration.png", "pit.png", "map.png",
    }  # fmt: skip
    page = (report / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 5
    assert not re.search(r"https?://|<script|<link|@import", page)
    assert "ours gains" in page
    assert "Districts are the city's own" in html.unescape(page)
    scores = pl.read_csv(report / "scores.csv")
    assert scores["method"].to_list() == ["lightgbm", "flat", "mean_28d"]
    assert (
        scores.select("decile_error", "pit_p_volume", "total_ratio", "coverage_city").null_count().sum_horizontal()[0]
        == 0
    )
    differences = pl.read_csv(report / "differences.csv")
    assert differences["method"].unique().sort().to_list() == ["flat", "mean_28d"]
    gain = differences.row(
        by_predicate=(pl.col("method") == "flat") & (pl.col("metric") == "information_gain"), named=True
    )
    assert 0 < gain["lower"] < gain["estimate"] < gain["upper"]
    assert f"{gain['estimate']:+.3f} [{gain['lower']:+.3f}, {gain['upper']:+.3f}]" in printed
    pit = pl.read_csv(report / "pit.csv").filter(pl.col("kind") == "district")
    assert set(pit["stratum"]) == {"west", "east"}
    assert pl.read_csv(report / "calibration.csv").group_by("method").agg(pl.col("expected").sum()).height == 3


def test_without_districts_the_page_states_that_squares_are_used(observatory_ml, backtest_arguments, tmp_path):
    observatory_ml(*backtest_arguments(report=tmp_path, methods="flat"))
    assert "squares of about 5 km, because no districts were given" in (tmp_path / "report.html").read_text()


def test_discovered_rows_neither_train_nor_count(city_files, read):
    frame = pl.read_parquet(city_files / "incidents.parquet")
    reported = frame.filter(pl.col("detection_mode") == "reported").height
    assert 0.95 * reported <= read().panel.totals.sum() <= reported


def test_the_first_text_property_names_a_district(city_files):
    assert list(read_districts(city_files / "districts.geojson")) == ["east", "west"]
    assert list(read_districts(city_files / "districts.geojson", "number")) == ["0", "1"]
    with pytest.raises(ForecastError, match=r"expected a property 'name'. Name the property with --district-key"):
        read_districts(city_files / "districts.geojson", "name")


def change(city_files, folder, *columns, where=None):
    frame = pl.read_parquet(city_files / "incidents.parquet")
    if where is not None:
        frame = frame.filter(where)
    path = folder / "changed.parquet"
    frame.with_columns(*columns).write_parquet(path)
    return path


def test_rows_left_out_are_reported(city_files, read, tmp_path):
    row = pl.int_range(pl.len())
    path = change(
        city_files,
        tmp_path,
        pl.when(row % 5 == 0).then(float("nan")).otherwise(pl.col("longitude_deg")).alias("longitude_deg"),
        pl.when(row % 50 == 1).then(None).otherwise(pl.col("occurred_local")).alias("occurred_local"),
        pl.when(row % 100 == 2).then(50.0).otherwise(pl.col("latitude_deg")).alias("latitude_deg"),
        pl.when(row % 100 == 3).then(None).otherwise(pl.col("category_code")).alias("category_code"),
        where=pl.col("detection_mode") == "reported",
    )
    found = read(path)
    said = " ".join(found.notes)
    assert 0.78 < found.located_share < 0.82
    assert re.search(r"\d+ rows have no occurred_local", said)
    assert re.search(r"\d+ rows have no category_code", said)
    assert re.search(r"(19|20)\.\d+% of the category's incidents have no coordinates .* Below 85%", said)
    assert re.search(r"\d+ of \d+ located rows lie in no cell of the city", said)
    assert not found.gaps


def test_a_gap_in_the_record_is_reported(city_files, read, tmp_path):
    first, last = datetime(2024, 2, 10), datetime(2024, 2, 14)
    outside = ~pl.col("occurred_local").is_between(first, last)
    found = read(change(city_files, tmp_path, where=outside))
    assert [str(gap) for gap in found.gaps] == ["2024-02-10..2024-02-13"]
    assert "No incident of any category is recorded on 2024-02-10..2024-02-13" in found.notes[-1]


def test_a_reference_system_in_metres_is_accepted():
    check_metric(26916)
    with pytest.raises(ForecastError):
        check_metric(4326)
