"""The hourly weather of two stations: measured, and forecast from three days before."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtri

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import Floats, Integers, Keys, combine, name_key, uniform
from observatory.simulator.world.occurrences import chance
from observatory.simulator.world.parameters.weather import Station
from observatory.simulator.world.simulation import Simulation
from observatory.simulator.world.weather import Weather, weather

_HOUR_S, _MICROSECONDS = 3_600, 1_000_000
_UTC = pl.Datetime("us", "UTC")


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the hours of the local days ``[first_day, end_day)``; see the package.

    A forecast is one record per hour, of which each issue is a version.
    """
    edges = moments([first_day.toordinal(), end_day.toordinal()], [0, 0]).dt.epoch("s")
    hours = np.arange(edges[0] // _HOUR_S, edges[1] // _HOUR_S)
    as_it_was = weather(simulation, hours)
    parts = []
    for station in simulation.parameters.climate.stations:
        key = combine(combine(name_key(station.code), simulation.seed), hours)
        parts += _measured(simulation, station, hours, key, as_it_was)
        parts += _foreseen(simulation, station, hours, as_it_was)
    return pl.concat(parts).sort("occurred_from", "source_record_id", "shown_from")


def _measured(
    simulation: Simulation, station: Station, hours: Integers, key: Keys, as_it_was: Weather
) -> list[pl.DataFrame]:
    climate = simulation.parameters.climate
    temperature = as_it_was.temperature_c + station.warmer_c + climate.noise_c * ndtri(uniform(key, "noise"))
    rain = np.where(chance(key, "no rain gauge", climate.missing_share), np.nan, as_it_was.rain_mm)
    frame = _hours(station, hours, temperature, rain, as_it_was, is_forecast=False)
    read_at = frame["occurred_from"] + timedelta(hours=1, minutes=climate.measured_min)
    wait_s = np.ceil(uniform(key, "corrected after") * climate.last_change_days * 24) * _HOUR_S
    corrected_at = read_at + pl.Series(wait_s * _MICROSECONDS).cast(pl.Duration("us"))
    is_wrong = pl.Series(chance(key, "corrected", climate.corrected_share))
    since = pl.select(pl.when(is_wrong).then(corrected_at).otherwise(read_at)).to_series()
    right = frame.with_columns(shown_from=since, shown_until=pl.lit(None, _UTC))
    mistaken = frame.with_columns(
        pl.col("temperature_c") + climate.mistake_c, shown_from=read_at, shown_until=corrected_at
    )
    return [right, mistaken.filter(is_wrong)]


def _foreseen(simulation: Simulation, station: Station, hours: Integers, as_it_was: Weather) -> list[pl.DataFrame]:
    """One version per lead time, longest first; each is shown until the next is issued."""
    climate = simulation.parameters.climate
    seeded = combine(name_key("forecast"), simulation.seed)
    leads = sorted(climate.lead_error_c, reverse=True)
    parts = []
    for number, lead in enumerate(leads):
        key = combine(combine(seeded, hours // 24), lead)
        temperature = as_it_was.temperature_c + climate.lead_error_c[lead] * ndtri(uniform(key, "error"))
        rain = np.where(chance(key, "missed", climate.missed_rain_share), 0.0, as_it_was.rain_mm)
        frame = _hours(station, hours, temperature + station.warmer_c, rain, as_it_was, is_forecast=True)
        issued = [
            frame["occurred_from"].dt.truncate("1d") + timedelta(days=-each, hours=climate.issued_h)
            for each in leads[number : number + 2]
        ]
        until = issued[1] if len(issued) > 1 else pl.lit(None, _UTC)
        parts.append(frame.with_columns(shown_from=issued[0], shown_until=until))
    return parts


def _hours(
    station: Station, hours: Integers, temperature: Floats, rain: Floats, as_it_was: Weather, *, is_forecast: bool
) -> pl.DataFrame:
    longitude, latitude = build_city().degrees(station.east_m, station.north_m)
    began = pl.Series(hours * _HOUR_S * _MICROSECONDS).cast(_UTC)
    suffix = "-foreseen" if is_forecast else ""
    return pl.DataFrame(
        {
            "source_record_id": station.code + began.dt.strftime("-%Y%m%dT%H") + suffix,
            "station_code": pl.repeat(station.code, len(hours), eager=True),
            "occurred_from": began,
            "temperature_c": np.round(temperature, 1),
            "rain_mm": pl.Series(np.round(rain, 1)).fill_nan(None),
            "wind_m_s": np.round(as_it_was.wind_m_s, 1),
            "humidity_pct": np.round(as_it_was.humidity_pct),
            "pressure_hpa": np.round(as_it_was.pressure_hpa, 1),
            "is_forecast": pl.repeat(is_forecast, len(hours), eager=True),
            "longitude_deg": pl.repeat(longitude, len(hours), eager=True),
            "latitude_deg": pl.repeat(latitude, len(hours), eager=True),
        }
    )
