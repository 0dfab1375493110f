"""The planted parameters of the weather are recovered from the records, and the portal uses the right units."""

from datetime import UTC, date, datetime
from functools import cache

import numpy as np
import polars as pl
import pytest
import requests

from observatory.feeds import open_reader
from observatory.records.admit import admit
from observatory.records.check import Checked
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.plan import Plan
from observatory.simulator import portal
from observatory.simulator import records as city_records
from observatory.simulator.publishers.catalogue import CATALOGUE
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.world.parameters import PLANTED
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, UNIX_EPOCH_ORDINAL, YEAR_DAYS
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.simulator.world.weather import great_wind, rain_mm
from observatory.territory.files import load_territory
from observatory.window import Window
from tests.support.server import IMPATIENT

CLIMATE = PLANTED.climate
SIMULATION = Simulation()
START, END = date(2022, 1, 1), date(2025, 1, 1)
NOW = datetime(2023, 8, 24, 4, tzinfo=UTC)
DAY = Window.of_day(date(2023, 8, 20), TIMEZONE)


@cache
def versions():
    return city_records.versions("weather", SIMULATION, START, END)


@cache
def measured():
    """Three years of one station as it was read at last, with what the planted course leaves."""
    rows = versions().filter(
        ~pl.col("is_forecast"), pl.col("shown_until").is_null(), pl.col("station_code") == CLIMATE.stations[0].code
    )
    hours = rows["occurred_from"].dt.epoch("s").to_numpy() // 3600
    course = pl.Series(CLIMATE.course_c(hours) + CLIMATE.stations[0].warmer_c)
    return rows.with_columns(
        above=pl.col("temperature_c") - course,
        ordinal=pl.Series(hours // 24 + UNIX_EPOCH_ORDINAL),
        is_windy=pl.Series(great_wind(SIMULATION, hours // 24 + UNIX_EPOCH_ORDINAL)),
    )


# --- records


def test_records_of_spans_in_any_order_equal_those_of_one_span():
    first, middle, last = date(2023, 12, 30), date(2024, 1, 1), date(2024, 1, 4)
    late, early = (city_records.versions("weather", SIMULATION, *span) for span in ((middle, last), (first, middle)))
    whole = city_records.versions("weather", SIMULATION, first, last)
    assert pl.concat([early, late]).equals(whole)


def test_another_seed_gives_another_history():
    days = date(2024, 3, 5), date(2024, 3, 6)
    first, again, other = (city_records.versions("weather", Simulation(seed), *days) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_versions_of_an_hour_follow_each_other_and_of_a_forecast_each_issue_is_one():
    rows = versions().sort("source_record_id", "shown_from")
    following = pl.col("shown_from").shift(-1).over("source_record_id")
    assert rows.filter(pl.col("shown_until").ne_missing(following)).is_empty()
    selected = rows.group_by("source_record_id", "is_forecast").agg(pl.len())
    assert set(selected.filter("is_forecast")["len"]) == {len(CLIMATE.lead_error_c)}
    corrected = selected.filter(~pl.col("is_forecast"))["len"] == 2
    assert corrected.mean() == pytest.approx(CLIMATE.corrected_share, rel=0.15)


# --- what is planted


def test_the_year_and_the_day_have_their_courses():
    rows = measured()
    turn = 2 * np.pi * (rows["ordinal"].to_numpy() - ORIGIN_ORDINAL - CLIMATE.warmest_day) / YEAR_DAYS
    swing = 2 * (rows["temperature_c"].to_numpy() * np.exp(1j * turn)).mean()
    assert swing.real == pytest.approx(CLIMATE.season_c, abs=0.4)
    assert swing.imag == pytest.approx(0, abs=0.4)
    hour = pl.col("occurred_from").dt.hour()
    by_hour = rows.group_by(hour).agg(pl.col("temperature_c").mean()).sort("occurred_from")["temperature_c"]
    assert by_hour.arg_max() == CLIMATE.warmest_hour
    assert by_hour.max() - by_hour.min() == pytest.approx(2 * CLIMATE.daily_c, abs=0.1)


@pytest.mark.parametrize(("wave", "year"), [(CLIMATE.heat_waves[0], 2023), (CLIMATE.heat_waves[1], 2022)])
def test_a_heat_wave_is_visible_on_its_days(wave, year):
    rows = measured().filter(~pl.col("is_windy"))
    first = date(year, wave.month, wave.day).toordinal()
    on = rows.filter(pl.col("ordinal").is_between(first, first + wave.days - 1))
    before = rows.filter(pl.col("ordinal").is_between(first - 20, first - 1))
    error = CLIMATE.unrest_c * np.sqrt(1 / on["ordinal"].n_unique() + 1 / before["ordinal"].n_unique())
    assert on["above"].mean() - before["above"].mean() == pytest.approx(wave.warmer_c, abs=4 * error)
    assert wave.warmer_c > 4 * error, "or it could be chance"


def test_it_rains_on_the_planted_share_of_days_and_never_during_the_great_wind():
    days = np.arange(date(1990, 1, 1).toordinal(), date(2030, 1, 1).toordinal())
    hours = ((days - UNIX_EPOCH_ORDINAL)[:, None] * 24 + np.arange(24)).ravel()
    is_rainy = (rain_mm(SIMULATION, hours).reshape(-1, 24) > 0).any(axis=1)
    is_windy = great_wind(SIMULATION, days)
    assert not is_rainy[is_windy].any()
    assert is_windy.mean() == pytest.approx(CLIMATE.wind_share, abs=0.025)
    chance = CLIMATE.rain_chance(days)
    for is_wet_season in (chance > 0.25, chance < 0.15):
        calm = is_wet_season & ~is_windy
        assert is_rainy[calm].mean() == pytest.approx(chance[calm].mean(), abs=4 * 0.5 / np.sqrt(calm.sum()))


def test_the_great_wind_follows_its_parameters_and_cools():
    by_wind = measured().group_by("is_windy").agg(pl.col("wind_m_s", "above").mean()).sort("is_windy")
    calm, windy = by_wind["wind_m_s"]
    assert windy / calm == pytest.approx(CLIMATE.wind_m_s / CLIMATE.calm_m_s, rel=0.1)
    assert by_wind["above"][0] - by_wind["above"][1] == pytest.approx(CLIMATE.wind_cools_c, abs=0.6)


def test_a_forecast_is_worse_the_earlier_it_is_made():
    parameters = measured().select("occurred_from", "temperature_c")
    selected = versions().filter("is_forecast", pl.col("station_code") == CLIMATE.stations[0].code)
    lead = (pl.col("occurred_from").dt.date() - pl.col("shown_from").dt.date()).dt.total_days()
    errors = (
        selected.join(parameters, on="occurred_from", suffix="_true")
        .group_by(lead.alias("lead"))
        .agg((pl.col("temperature_c") - pl.col("temperature_c_true")).std().alias("error"))
        .sort("lead")
    )
    for days, error in errors.rows():
        assert error == pytest.approx(np.hypot(CLIMATE.lead_error_c[days], CLIMATE.noise_c), rel=0.1)
    assert errors["error"].is_sorted()


# --- served


@pytest.fixture(scope="module")
def ledger():
    return Ledger(SIMULATION, lambda: NOW)


@pytest.fixture(scope="module")
def address(ledger):
    answers = {prefix: CATALOGUE[prefix](ledger) for prefix in ("weather", "synop")}
    with portal.running(portal.create_app({}, {}, answers=answers)) as served:
        yield served


def records(address, name, window):
    """The records of a feed of the demo city after minimisation and checks."""
    territory, ordinals = load_territory("demo").with_portal(address), Ordinals()
    chunks = open_reader(FeedWindow.of(territory, name, window), patience=IMPATIENT).read()
    checked = [admit(chunk, Plan.of(territory, name), ordinals) for chunk in chunks]
    return Checked(pl.concat([each.accepted for each in checked]), pl.concat([each.rejected for each in checked]))


@pytest.mark.parametrize(("name", "is_forecast", "hours"), [
    ("weather", False, 24), ("weather_forecast", True, 24), ("synop", False, 8),
])  # fmt: skip
def test_a_day_is_complete_in_the_contracts_units(ledger, address, name, is_forecast, hours):
    checked = records(address, name, DAY)
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    assert checked.accepted.height == hours * len(CLIMATE.stations)
    listed = ledger.listed("weather", DAY.start, DAY.end).filter(pl.col("is_forecast") == is_forecast)
    number_of = {station.number: station.code for station in CLIMATE.stations}
    found = checked.accepted.with_columns(pl.col("station_code").replace(number_of))
    both = found.join(listed, on=["station_code", "occurred_from"], suffix="_listed")
    assert both.height == found.height
    assert set(found["is_forecast"]) == {is_forecast}
    for measure in ("temperature_c", "rain_mm", "wind_m_s", "humidity_pct", "pressure_hpa"):
        assert (both[measure] - both[f"{measure}_listed"]).abs().max() < 0.006, measure
        assert both[measure].null_count() == both[f"{measure}_listed"].null_count()
    assert found["temperature_c"].max() > 30, "the heat wave is on"


def test_a_missing_reading_is_missing_in_a_month_of_observations(ledger, address):
    month = Window(date(2023, 7, 1), date(2023, 8, 1), TIMEZONE)
    checked = records(address, "synop", month)
    assert checked.accepted.height == 31 * 8 * len(CLIMATE.stations)
    assert 0 < checked.accepted["rain_mm"].null_count() < 30
    assert checked.accepted["temperature_c"].null_count() == 0


def test_the_archive_does_not_reach_to_yesterday_and_the_forecast_reaches_ahead(address):
    query = {"latitude": 43.27, "longitude": 5.0, "start_date": "2023-08-20", "end_date": "2023-08-26"}
    known = {}
    for dataset in ("archive", "forecast"):
        answer = requests.get(
            f"{address}/weather/v1/{dataset}", {**query, "hourly": "temperature_2m"}, timeout=5
        ).json()
        known[dataset] = [value is not None for value in answer["hourly"]["temperature_2m"]]
        assert len(known[dataset]) == 7 * 24
    assert [values.count(True) for values in known.values()] == [48 + 4, 7 * 24]


def test_wind_has_the_requested_unit_and_an_unknown_variable_is_refused(address):
    query = {"latitude": 43.27, "longitude": 5.0, "start_date": "2023-08-20", "end_date": "2023-08-20"}
    speeds = []
    for unit in ({}, {"wind_speed_unit": "ms"}):
        asked = {**query, "hourly": "wind_speed_10m", **unit}
        answer = requests.get(f"{address}/weather/v1/forecast", asked, timeout=60).json()
        speeds.append((answer["hourly_units"]["wind_speed_10m"], answer["hourly"]["wind_speed_10m"][0]))
    assert [unit for unit, _ in speeds] == ["km/h", "m/s"]
    assert speeds[0][1] == pytest.approx(3.6 * speeds[1][1])
    refused = requests.get(f"{address}/weather/v1/forecast", {**query, "hourly": "plates"}, timeout=60)
    assert (refused.status_code, refused.json()["error"]) == (400, True)
    assert requests.get(f"{address}/synop/synop.202309.csv.gz", timeout=60).status_code == 404
