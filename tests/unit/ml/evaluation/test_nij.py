"""The challenge's rules: cells, areas, windows, PAI and PEI by hand, no look-ahead, and Portland's real calls."""

from __future__ import annotations

import re
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix

from ml.errors import InputError
from ml.evaluation.nij import (
    MILE_M,
    WINDOWS,
    challenge,
    check_cell,
    flagged_cells,
    forecast_windows,
    pool_windows,
    score_window,
    window_days,
)
from ml.models.registry import METHODS
from ml.panel.panel import OTHER, TARGET, Cells, Panel

FIRST_DAY, DAYS, SIDE = date(2023, 1, 1), 200, 30
ORIGIN = date(2023, 3, 1)
MEAN = METHODS["mean_28d"]


@pytest.fixture(scope="module")
def panel():
    place = np.arange(SIDE * SIDE)
    cells = Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"C{number:04}" for number in place],
                "easting_m": 100.0 * (place % SIDE),
                "northing_m": 100.0 * (place // SIDE),
                "cell_size_m": [100] * len(place),
            }
        )
    )
    random = np.random.default_rng(3)
    share = random.pareto(1.0, len(place)) + 0.02
    counts = random.poisson(6 * share / share.sum(), (DAYS, len(place))).astype(float)
    return Panel(cells, FIRST_DAY, {TARGET: csr_matrix(counts), OTHER: csr_matrix(counts[:, ::-1])})


def test_cells_are_within_the_rules():
    for size in (77, 100, 182):
        check_cell(size)
    for size in (76, 183, 250):
        with pytest.raises(InputError, match=r"square feet; expected 62,500 to 360,000 square feet, 77 to 182 m"):
            check_cell(size)


@pytest.mark.parametrize("size", [77, 100, 182])
def test_flagged_areas_are_within_the_rules(size):
    for area in (0.25, 0.5, 0.75):
        square_miles = flagged_cells(area, size, 100_000) * size**2 / MILE_M**2
        assert 0.25 <= square_miles <= 0.75
        assert abs(square_miles - area) < (size / MILE_M) ** 2
    assert flagged_cells(0.75, size, 10) == 10


def test_windows_are_those_of_the_calendar():
    assert [window_days(window, date(2017, 3, 1)) for window in WINDOWS] == [7, 14, 31, 61, 92]
    assert window_days("3 months", date(2015, 12, 1)) == 31 + 31 + 29
    assert window_days("1 month", date(2017, 1, 31)) == 28


def test_pai_and_pei_by_hand(panel):
    """0.25 square miles are 65 cells of 100 m: 6 of 10 incidents in 0.65 of 9 km², where all ten were possible."""
    observed, expected = np.zeros(900), np.zeros(900)
    # ten incidents: three cells hold two, four hold one; flagged are 65 cells, among them two of two and two of one
    observed[[10, 20, 30]] = 2
    observed[[40, 50, 60, 70]] = 1
    expected[[10, 20, 40, 50]] = 5.0
    expected[100:161] = 4.0
    counts = np.zeros((DAYS, 900))
    row = panel.index(ORIGIN)
    counts[row + 3] = observed
    counts[row - 5, :9] = 1
    city = Panel(panel.cells, FIRST_DAY, {TARGET: csr_matrix(counts)})
    scored = score_window("by hand", city, ORIGIN, "1 week", expected + 1e-3)
    assert (scored.flagged, scored.hits[0.25], scored.best_hits[0.25]) == ({0.25: 65, 0.75: 194}, 6, 10)
    metrics = pool_windows([scored], city_m2=9e6, cell_m2=1e4)
    assert metrics.pai[0.25] == pytest.approx((6 / 10) / (65 / 900))
    assert metrics.pei[0.25] == pytest.approx(6 / 10)
    # nine incidents in the 28 days before: a flat map expects 9 / 28 * 7 over the city
    flat = 9 / 28 * 7 / 900
    factorials = 3 * np.log(2)
    assert scored.flat_log_score == pytest.approx(10 * np.log(flat) - 900 * flat - factorials)
    assert metrics.information_gain == pytest.approx((scored.log_score - scored.flat_log_score) / 10)


def test_the_best_map_has_pei_one_and_pooling_sums_before_it_divides(panel):
    origins = [ORIGIN, ORIGIN + timedelta(days=7)]
    made = []
    for origin in origins:
        begin = panel.index(origin)
        happened = np.asarray(panel.target[begin : begin + 7].sum(axis=0)).ravel()
        made.append(score_window("oracle", panel, origin, "1 week", happened + 1e-6))
    metrics = pool_windows(made, 9e6, 1e4)
    assert metrics.pei == {0.25: 1.0, 0.75: 1.0}
    hits, incidents = (
        sum(counts) for counts in zip(*((each.hits[0.75], each.incident_count) for each in made), strict=True)
    )
    assert (metrics.incident_count, metrics.origins) == (incidents, 2)
    assert metrics.pai[0.75] == pytest.approx(hits / incidents / (194 / 900))


def test_a_window_is_the_sum_of_its_days_without_look_ahead(panel):
    changed = panel.target.toarray()
    changed[panel.index(ORIGIN) :] = 9
    blind = Panel(panel.cells, FIRST_DAY, {TARGET: csr_matrix(changed), OTHER: panel.layers[OTHER]})
    windows = ("1 week", "2 weeks", "1 month")
    for method in (METHODS["flat"], MEAN):
        seen, unseen = (forecast_windows(method, p, [ORIGIN], windows, lambda _: None) for p in (panel, blind))
        for key, expected in seen.items():
            np.testing.assert_array_equal(expected, unseen[key])
    # fitted for the middle of the horizons 1 to 7, 8 to 14 and 15 to 31
    week, fortnight, month = (
        MEAN.fit(panel, ORIGIN - timedelta(days=1), horizon).predict(panel, [ORIGIN], 1)[0] for horizon in (4, 11, 23)
    )
    np.testing.assert_allclose(seen[ORIGIN, "1 week"], 7 * week)
    np.testing.assert_allclose(seen[ORIGIN, "1 month"], 7 * week + 7 * fortnight + 17 * month)


def test_origins_that_share_a_training_each_see_their_own_past(panel):
    origins = [ORIGIN + timedelta(days=7 * week) for week in range(3)]
    made = list(challenge([MEAN], panel, origins, ("1 week",), refit_origins=3))
    assert [each.origin for each in made] == origins
    fitted = MEAN.fit(panel, ORIGIN - timedelta(days=1), 4)
    for each in made:
        np.testing.assert_allclose(each.expected, 7 * fitted.predict(panel, [each.origin], 1)[0])


def arguments(city_files, **changes):
    options = {
        "incidents": city_files / "incidents.parquet",
        "boundary": city_files / "boundary.geojson",
        "epsg": 2154,
        "cell-size-m": 150,
        "from": "2024-04-01",
        "to": "2024-04-28",
        "origins": "weekly",
        "methods": "flat,mean_28d",
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return ["nij", *(part for name, value in options.items() for part in (f"--{name}", str(value)))]


def test_the_command_writes_every_origin_and_prints_the_metrics(observatory_ml, city_files, tmp_path):
    out, scores = tmp_path / "p.parquet", tmp_path / "scores.csv"
    code, printed, error = observatory_ml(*arguments(city_files, out=out, scores=scores, methods="lightgbm,flat"))
    assert code == 0, error
    written = pl.read_parquet(out)
    assert written.columns == ["method", "origin_date", "window_name", "window_days", "cell_id", "expected_count"]
    assert written.height == 2 * 4 * written["cell_id"].n_unique()
    assert pl.read_csv(scores).select("method", "origin_date").unique().height == 8
    assert re.search(r"1 week +lightgbm +4 +\d+ +\d+", printed)
    assert "city of 3.5 square miles" in printed


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cell_size_m": 250}, r"--cell-size-m: 250 m, 672,\d+ square feet; expected 62,500 to 360,000"),
        ({"to": "2024-05-06"}, r"windows from 2024-04-01 to 2024-05-12; expected windows within"),
        ({"origins": "yearly"}, r"windows from 2024-04-01 to 2024-06-30; expected windows within"),
        ({"to": "2024-03-01"}, r"--from and --to: 2024-04-01 after 2024-03-01"),
        ({"from": "2024-02-01"}, r"expected at least 60 days"),
        ({"category": "PIRACY"}, r"--category: 'PIRACY'"),
        ({"methods": "crystal_ball"}, r"methods: unknown crystal_ball"),
    ],
)
def test_origins_that_the_data_do_not_allow_are_reported(observatory_ml, city_files, changes, said):
    code, _, error = observatory_ml(*arguments(city_files, **changes))
    assert code == 2
    assert re.search(said, error), error


def test_portlands_own_calls(observatory_ml, shared_data, tmp_path):
    calls = pl.read_parquet(shared_data / "portland" / "burglary_mvt_2012_2017-02.parquet")
    calls.select(
        pl.col("occurred_at").cast(pl.Date).alias("occurred_local"),
        pl.col("lon").alias("longitude_deg"),
        pl.col("lat").alias("latitude_deg"),
        pl.col("category").alias("category_code"),
    ).write_parquet(tmp_path / "calls.parquet")
    scores = tmp_path / "scores.csv"
    code, printed, error = observatory_ml(
        "nij", "--incidents", tmp_path / "calls.parquet", "--boundary", shared_data / "portland" / "boundary.geojson",
        "--epsg", 32610, "--from", "2014-03-01", "--to", "2015-03-01", "--category", "MOTOR VEHICLE THEFT",
        "--methods", "flat,mean_365d", "--scores", scores,
    )  # fmt: skip
    assert code == 0, error
    assert "cells of 77 m, city of 147.7 square miles" in printed
    rows = pl.read_csv(scores)
    assert rows.height == 2 * 2 * 5
    # independent of the panel: calls of March 2015 inside the bounding box of what was counted
    march = calls.filter(
        (pl.col("category") == "MOTOR VEHICLE THEFT")
        & (pl.col("occurred_at").cast(pl.Date).is_between(date(2015, 3, 1), date(2015, 3, 31)))
    ).height
    counted = rows.filter((pl.col("origin_date") == "2015-03-01") & (pl.col("window_name") == "1 month"))["incidents"]
    assert counted.n_unique() == 1
    assert 0.97 * march <= counted[0] <= march
    # 327 cells of 77 m are the most that 0.75 square miles hold
    assert set(rows["flagged_0.75"]) == {327}
    is_one = (pl.col("method") == "mean_365d") & (pl.col("origin_date") == "2015-03-01")
    one = rows.row(by_predicate=is_one & (pl.col("window_name") == "3 months"), named=True)
    by_hand = one["hits_0.75"] / one["incidents"] / (327 * 77**2 / MILE_M**2 / 147.7)
    assert one["pai_0.75"] == pytest.approx(by_hand, rel=0.001)
    assert one["pai_0.75"] > 5
