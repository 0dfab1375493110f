"""Forecasts in a real PostgreSQL: what is written, that twice changes nothing, what is read as known when."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import psycopg
import pytest
from scipy import stats
from typer.testing import CliRunner

TOWN, SLEEPY, LAGGING = "town", "sleepy", "lagging"
FIRST_DAY, DAYS = date(2024, 1, 1), 150
TODAY = FIRST_DAY + timedelta(days=DAYS)
SIDE = 12

# the relations the forecasts read, as dbt's contracts type them
CORE = """
create table core.dim_territory (
    territory_code text, territory_name text, timezone text, is_simulated boolean, country_code text
);
create table core.dim_cell (
    territory_code text, cell_id text, easting_m double precision, northing_m double precision,
    longitude_deg double precision, latitude_deg double precision, cell_size_m integer, epsg integer,
    district_code text, is_forecast_cell boolean
);
create table core.fct_incident_version (
    territory_code text, source_record_id text, known_from timestamptz, known_to timestamptz, is_withdrawn boolean,
    occurred_date date, cell_id text, category_code text, category_group text, is_trainable boolean
);
"""


def _cells(code):
    for row in range(SIDE):
        for col in range(SIDE):
            north, east = 250 * row + 125.0, 250 * col + 125.0
            cell = f"CRS2154RES250mN{250 * row}E{250 * col}"
            yield (code, cell, east, north, 5 + col / 400, 43 + row / 400, 250, 2154, None, True)
    yield (code, "unlocated", None, None, None, None, 250, 2154, None, False)


def _incidents(code, days, seed=1):
    random = np.random.default_rng(seed)
    hot = [(2, 2), (9, 7)]
    for offset in range(days):
        day = FIRST_DAY + timedelta(days=offset)
        for number in range(random.poisson(6)):
            row, col = hot[number % 2] if random.random() < 0.5 else random.integers(0, SIDE, 2)
            category, group = [("assault", "violent"), ("burglary", "property"), ("theft", "property")][number % 3]
            cell = f"CRS2154RES250mN{250 * row}E{250 * col}"
            known = datetime(day.year, day.month, day.day, 23, tzinfo=UTC)
            # violent incidents come three at a time, so their counts vary more than Poisson
            for copy in range(3 if group == "violent" else 1):
                yield (code, f"{code}{offset}-{number}-{copy}", known, None, False, day, cell, category, group, True)


@pytest.fixture(scope="module")
def city(warehouse):
    with psycopg.connect(warehouse.plain_url("transformer")) as connection:
        connection.execute(CORE)
        for code in (TOWN, SLEEPY, LAGGING):
            connection.execute(
                "insert into core.dim_territory values (%s, %s, 'Europe/Paris', true, 'FR')", (code, code.title())
            )
            with connection.cursor() as cursor:
                marks = ", ".join(["%s"] * 10)
                cursor.executemany(f"insert into core.dim_cell values ({marks})", list(_cells(code)))
                days = {TOWN: DAYS + 5, SLEEPY: 20, LAGGING: DAYS - 3}[code]
                marks = ", ".join(["%s"] * 10)
                cursor.executemany(
                    f"insert into core.fct_incident_version values ({marks})", list(_incidents(code, days))
                )
    return warehouse


@pytest.fixture(scope="module")
def url(city):
    return city.url("forecaster")


@pytest.fixture(scope="module")
def first_forecast(url):
    from ml.jobs import warehouse as jobs

    return jobs.forecast(url, TOWN, TODAY)


ML_ROWS = """
    select 'forecast', md5(string_agg(f::text, '|' order by f::text)) from ml.hotspot_forecast as f
    union all select 'score', md5(string_agg(s::text, '|' order by s::text)) from ml.forecast_score as s
    union all select 'model', md5(string_agg(m::text, '|' order by m::text)) from ml.model as m
    union all select 'abstention', md5(string_agg(a::text, '|' order by a::text)) from ml.abstention as a
"""


def test_a_forecast_has_every_cell_once_ranked_and_dated(city, first_forecast):
    assert [group.category_group for group in first_forecast.groups] == ["property", "violent"]
    rows = city.rows(
        """
        select category_group, count(*)::int, count(distinct cell_id)::int, min(risk_rank), max(risk_rank),
            min(data_as_of), max(horizon_days), bool_and(probability_any <= expected_count)
        from ml.hotspot_forecast where territory_code = %s and forecast_date = %s group by 1 order by 1
        """,
        TOWN,
        TODAY,
    )
    midnight = datetime(2024, 5, 29, 22, tzinfo=UTC)
    cells = SIDE * SIDE
    assert [row[0] for row in rows] == ["property", "violent"]
    assert all(row[1:] == (cells, cells, 1, cells, midnight, 1, True) for row in rows)
    hottest = city.rows(
        "select cell_id from ml.hotspot_forecast where category_group = 'property' and risk_rank <= 2 order by 1"
    )
    assert hottest == [("CRS2154RES250mN2250E1750",), ("CRS2154RES250mN500E500",)]


def test_an_interval_follows_from_the_models_spread(city, first_forecast):
    from ml.models.hotspots import Hotspots

    for group in first_forecast.groups:
        rows = city.rows(
            "select expected_count, probability_any, lower_80, upper_80 from ml.hotspot_forecast"
            " where model_id = %s and forecast_date = %s order by risk_rank",
            group.model_id,
            TODAY,
        )
        mean, chance, lower, upper = map(np.array, zip(*rows, strict=True))
        text = city.rows("select model_text from ml.model where model_id = %s", group.model_id)[0][0]
        spread = Hotspots.from_text(text).spread
        assert group.category_group == "property" or spread.linear + spread.quadratic > 0
        excess = np.maximum(spread.linear + spread.quadratic * mean, 1e-9)
        law = stats.nbinom(mean / excess, 1 / (1 + excess))
        np.testing.assert_allclose(chance, law.sf(0), rtol=1e-5)
        np.testing.assert_array_equal(lower, law.ppf(0.1))
        np.testing.assert_array_equal(upper, law.ppf(0.9))
        assert (lower <= law.median()).all()
        assert (law.median() <= upper).all()
        assert upper.max() > 0


def test_forecasting_again_adds_intervals_to_a_forecast_from_before_they_existed(city, url, first_forecast):
    from ml.jobs import warehouse as jobs

    before = city.rows(ML_ROWS)
    with city.connect() as connection:
        old = connection.execute("update ml.hotspot_forecast set lower_80 = null, upper_80 = null").rowcount
    assert city.rows(ML_ROWS) != before
    assert jobs.forecast(url, TOWN, TODAY).changed_rows == 2 * old
    assert city.rows(ML_ROWS) == before


def test_forecasting_twice_changes_no_row(city, url, first_forecast):
    from ml.jobs import warehouse as jobs

    before = city.rows(ML_ROWS)
    again = jobs.forecast(url, TOWN, TODAY)
    assert again.changed_rows == 0
    assert city.rows(ML_ROWS) == before
    assert [g.model_id for g in again.groups] == [g.model_id for g in first_forecast.groups]


def test_training_twice_stores_one_model(city, url, first_forecast):
    from ml.jobs import warehouse as jobs

    identities = {group.category_group: group.model_id for group in first_forecast.groups}
    assert jobs.train(url, TOWN, TODAY) == identities
    stored = city.rows("select model_id, training_incident_count > 100 from ml.model where territory_code = %s", TOWN)
    assert sorted(stored) == sorted((identity, True) for identity in identities.values())


def test_records_not_known_that_morning_do_not_change_the_forecast(city, url, first_forecast):
    from ml.jobs import warehouse as jobs

    before = city.rows(ML_ROWS)
    known_later = datetime(2024, 5, 30, 3, 0, 1, tzinfo=UTC)  # 05:00:01 in Paris
    with city.connect() as connection:
        connection.execute(
            "insert into core.fct_incident_version select %s, 'late' || n, %s, null, false, %s,"
            " 'CRS2154RES250mN0E0', 'theft', 'property', true from generate_series(1, 50) as n",
            (TOWN, known_later, TODAY - timedelta(days=1)),
        )
    assert jobs.forecast(url, TOWN, TODAY).changed_rows == 0
    assert city.rows(ML_ROWS) == before
    with city.connect() as connection:
        connection.execute("delete from core.fct_incident_version where source_record_id like 'late%'")


def test_scores_cover_ours_and_four_baselines_and_are_reproducible(city, url, first_forecast):
    from ml.jobs import scoring

    summary = scoring.score(url, TOWN, TODAY)
    assert summary.skipped == {}
    assert {row.method for row in summary.scores} == {"lightgbm", "flat", "mean_28d", "mean_365d", "kernel_density"}
    rows = city.rows(
        "select count(*)::int, count(model_id)::int, sum(incident_count)::int from ml.forecast_score"
        " where territory_code = %s and evaluation = 'live'",
        TOWN,
    )
    happened = city.rows(
        "select count(*)::int from core.fct_incident_version where territory_code = %s and occurred_date = %s",
        TOWN,
        TODAY,
    )
    assert rows == [(10, 2, 5 * happened[0][0])]
    before = city.rows(ML_ROWS)
    assert scoring.score(url, TOWN, TODAY).changed_rows == 0
    assert city.rows(ML_ROWS) == before


def test_a_day_without_a_forecast_or_not_yet_over_is_not_scored(url, first_forecast):
    from ml.jobs import scoring
    from ml.jobs import warehouse as jobs

    assert "no forecast" in scoring.score(url, TOWN, TODAY + timedelta(days=2)).skipped["*"]
    jobs.forecast(url, TOWN, TODAY + timedelta(days=5))
    assert "is not over" in scoring.score(url, TOWN, TODAY + timedelta(days=5)).skipped["*"]


def test_a_lagging_portal_gives_a_longer_horizon(city, url):
    from ml.jobs import warehouse as jobs

    summary = jobs.forecast(url, LAGGING, TODAY, ["property"])
    assert summary.horizon_days == 4
    assert summary.data_as_of == datetime(2024, 5, 26, 22, tzinfo=UTC)
    stored = city.rows("select distinct horizon_days from ml.hotspot_forecast where territory_code = %s", LAGGING)
    assert stored == [(4,)]


def test_too_little_history_abstains_with_a_reason(city, url):
    from ml.jobs import warehouse as jobs

    summary = jobs.forecast(url, SLEEPY, FIRST_DAY + timedelta(days=20))
    assert all("expected at least 60 days" in (group.abstained_because or "") for group in summary.groups)
    reasons = city.rows("select category_group, reason from ml.abstention where territory_code = %s order by 1", SLEEPY)
    assert [group for group, _ in reasons] == ["property", "violent"]
    assert jobs.forecast(url, SLEEPY, FIRST_DAY + timedelta(days=20)).changed_rows == 0
    assert jobs.train(url, SLEEPY, FIRST_DAY + timedelta(days=20)) == {}
    assert city.rows("select count(*)::int from ml.hotspot_forecast where territory_code = %s", SLEEPY) == [(0,)]


def test_too_few_located_incidents_abstain_with_a_reason(city, url, first_forecast):
    from ml.jobs import warehouse as jobs

    before = city.rows(ML_ROWS)
    with city.connect() as connection:
        connection.execute(
            "insert into core.fct_incident_version select %s, 'unplaced' || n, %s, null, false, %s,"
            " 'unlocated', 'assault', 'violent', true from generate_series(1, 2000) as n",
            (TOWN, datetime(2024, 1, 1, 23, tzinfo=UTC), FIRST_DAY),
        )
    (withheld,) = jobs.forecast(url, TOWN, TODAY, ["violent"]).groups
    assert "of them located; expected at least 50%" in (withheld.abstained_because or "")
    stored = city.rows("select category_group, reason from ml.abstention where territory_code = %s", TOWN)
    assert stored == [("violent", withheld.abstained_because)]
    with city.connect() as connection:
        connection.execute("delete from core.fct_incident_version where source_record_id like 'unplaced%'")
    assert jobs.forecast(url, TOWN, TODAY, ["violent"]).changed_rows == 1
    assert city.rows(ML_ROWS) == before


def test_a_backtest_scores_each_day_once_and_is_reproducible(city, url):
    from ml.jobs.backtest_warehouse import backtest_warehouse

    first, last = TODAY - timedelta(days=6), TODAY - timedelta(days=1)
    steps = []
    summary = backtest_warehouse(
        url, TOWN, first, last, ["property"], refit_days=3, progress=lambda *s: steps.append(s)
    )
    assert steps[-1] == ("property", 6, 6)
    ours = next(row for row in summary.scores if row.method == "lightgbm")
    assert (ours.days, summary.changed_rows) == (6, 30)
    assert ours.information_gain is not None
    assert ours.information_gain > 0.3
    assert backtest_warehouse(url, TOWN, first, last, ["property"], refit_days=3).changed_rows == 0


def test_a_map_of_a_simulated_city_is_labelled_simulated(url, first_forecast, tmp_path):
    from ml.jobs import warehouse as jobs

    path = jobs.draw_map(url, TOWN, TODAY, "property", tmp_path / "map.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_mistakes_are_reported_with_complete_errors(url):
    from ml.errors import InputError
    from ml.jobs import warehouse as jobs
    from ml.jobs.backtest_warehouse import backtest_warehouse

    with pytest.raises(InputError, match=r"territory atlantis: no such row .* expected .* Check the code"):
        jobs.forecast(url, "atlantis", TODAY)
    with pytest.raises(InputError, match=r"town backtest .* expected days inside the data"):
        backtest_warehouse(url, TOWN, TODAY, TODAY + timedelta(days=400))
    with pytest.raises(InputError, match=r"^warehouse: .* expected a PostgreSQL"):
        jobs.forecast("postgresql+psycopg://forecaster:x@127.0.0.1:1/none", TOWN, TODAY)


def test_the_command_line_gives_the_same_results(city, url, first_forecast, tmp_path):
    from ml.cli import app

    before = city.rows("select count(*)::int from ml.hotspot_forecast")

    def said(*arguments):
        done = CliRunner().invoke(app.app, list(map(str, arguments)), env={"OBSERVATORY_FORECASTER_URL": url})
        assert done.exit_code == 0, done.output
        return done.output

    assert "data as of 2024-05-29 22:00:00 UTC" in said("forecast", "--territory", TOWN, "--day", TODAY)
    assert "the source lags" in said("forecast", "--territory", LAGGING, "--day", TODAY, "--groups", "property")
    assert "property: model " in said("train", "--territory", TOWN, "--day", TODAY, "--groups", "property")
    assert "kernel_density" in said("score", "--territory", TOWN, "--day", TODAY)
    assert "no forecast, because" in said("forecast", "--territory", SLEEPY, "--day", FIRST_DAY + timedelta(days=20))
    out = tmp_path / "map.png"
    said("map", "--territory", TOWN, "--day", TODAY, "--group", "property", "--out", out)
    assert out.stat().st_size > 10_000
    days = ("--from", TODAY - timedelta(days=2), "--to", TODAY - timedelta(days=1))
    assert "lightgbm" in said("backtest", "--territory", TOWN, *days, "--groups", "violent")
    assert city.rows("select count(*)::int from ml.hotspot_forecast") == before
