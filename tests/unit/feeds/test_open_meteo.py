"""Open-Meteo: hours of local days asked for in UTC, units that must be those asked for."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from observatory.errors import SourceChanged, SourceUnavailable
from observatory.window import Window
from tests.support.city import city, day, records, rows
from tests.support.server import first, hung_up, in_json, page_of_html, serving

COLUMNS = {
    "station_code": "station",
    "occurred_from": "time",
    "temperature_c": "temperature_2m",
    "rain_mm": "precipitation",
    "wind_m_s": "wind_speed_10m",
    "longitude_deg": "longitude",
    "latitude_deg": "latitude",
}
UNITS = {"time": "iso8601", "temperature_2m": "°C", "precipitation": "mm", "wind_speed_10m": "m/s"}
PORT = {"vieux-port": {"latitude": 43.295, "longitude": 5.374}}


def hours(asked, known_until=None, units=UNITS):
    """An answer for the days asked for; hours are null from ``known_until`` on."""
    start = datetime.fromisoformat(asked["start_date"])
    count = 24 * ((date.fromisoformat(asked["end_date"]) - start.date()).days + 1)
    times = [start + timedelta(hours=hour) for hour in range(count)]
    hourly = {"time": [f"{time:%Y-%m-%dT%H:%M}" for time in times]}
    for variable in asked["hourly"].split(","):
        hourly[variable] = [None if known_until and time >= known_until else 12.5 for time in times]
    return in_json({"latitude": 43.3, "longitude": 5.4, "hourly_units": units, "hourly": hourly})


def weather(address, places=PORT, dataset="archive", columns=COLUMNS, **more):
    source = {"protocol": "open_meteo", "address": address, "dataset": dataset, "places": places}
    more = {"clock": "utc", "date_formats": ["%Y-%m-%dT%H:%M"], "constants": {"is_forecast": "false"}, **more}
    return city("weather", source, columns, occurred_precision="hour", **more)


@pytest.mark.parametrize(("local_day", "count"), [("2026-06-10", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_local_day_has_its_hours(local_day, count):
    with serving(hours) as (address, requests):
        checked = records(weather(address), day(local_day))
    assert checked.rejected.is_empty(), checked.rejected["reason"].to_list()
    window = day(local_day)
    assert checked.accepted.height == count
    assert (checked.accepted["occurred_from"].min(), checked.accepted["occurred_to"].max()) == (
        window.start,
        window.end,
    )
    assert checked.accepted["station_code"].unique().to_list() == ["vieux-port"]
    assert requests[0].path == "/v1/archive"
    assert (requests[0]["timezone"], requests[0]["wind_speed_unit"]) == ("GMT", "ms")
    assert requests[0]["hourly"] == "temperature_2m,precipitation,wind_speed_10m"


@settings(max_examples=15, deadline=None)
@given(days=st.integers(1, 9), most_days=st.integers(1, 4), places=st.integers(1, 3))
def test_every_hour_is_read_once_with_any_span_length(days, most_days, places):
    window = Window(date(2026, 3, 26), date(2026, 3, 26) + timedelta(days=days), "Europe/Paris")
    named = {f"p{n}": {"latitude": 43.3, "longitude": 5.4} for n in range(places)}
    with serving(hours) as (address, _):
        got = [(row["station"], row["time"]) for row in rows(weather(address, named), window, most_days=most_days)]
    assert len(got) == len(set(got)) == places * (window.end - window.start).total_seconds() / 3600


def test_an_hour_that_is_not_computed_yet_gives_no_row():
    with serving(lambda asked: hours(asked, known_until=datetime(2026, 6, 10, 6))) as (address, _):
        assert len(rows(weather(address), day("2026-06-10"))) == 8


def test_a_forecast_has_its_own_path():
    with serving(hours) as (address, requests):
        rows(weather(address, dataset="forecast"), day("2026-06-10"))
    assert requests[0].path == "/v1/forecast"


def test_another_unit_is_refused():
    with (
        serving(lambda asked: hours(asked, units={**UNITS, "wind_speed_10m": "km/h"})) as (address, _),
        pytest.raises(SourceChanged, match="wind_speed_10m is in km/h; expected it in m/s"),
    ):
        rows(weather(address), day("2026-06-10"))


def test_faults_of_the_server_are_reported():
    today = day("2026-06-10")
    for fault in (in_json({}, 429, Retry_After="0"), in_json({}, 502), hung_up(b'{"hourly": {}}')):
        with serving(first(fault, then=hours)) as (address, _):
            assert len(rows(weather(address), today)) == 24
    reason = {"error": True, "reason": "Cannot initialize WeatherVariable from invalid String value"}
    with serving(lambda _: in_json(reason, 400)) as (address, _), pytest.raises(SourceChanged, match="WeatherVariable"):
        rows(weather(address), today)
    with (
        serving(lambda _: in_json({"hourly": {"time": []}})) as (address, _),
        pytest.raises(SourceChanged, match=r"\['temperature_2m', 'precipitation', 'wind_speed_10m'\] are missing"),
    ):
        rows(weather(address), today)
    uneven = {"hourly": {"time": ["2026-06-10T00:00"], **{v: [] for v in UNITS if v != "time"}}}
    with (
        serving(lambda _: in_json(uneven)) as (address, _),
        pytest.raises(SourceChanged, match="the number of values of temperature_2m is not that of hours"),
    ):
        rows(weather(address), today)
    with serving(lambda _: page_of_html()) as (address, _), pytest.raises(SourceChanged, match="a web page"):
        rows(weather(address), today)
    with serving(lambda _: in_json({}, 503)) as (address, _), pytest.raises(SourceUnavailable, match="503"):
        rows(weather(address), today)
