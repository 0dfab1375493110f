"""The hourly weather of the simulated city; the formulas are in ``parameters.weather``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from observatory.simulator.world.draws import Floats, Integers, Keys, combine, name_key, uniform
from observatory.simulator.world.parameters.incidents import UNIX_EPOCH_ORDINAL
from observatory.simulator.world.parameters.weather import Climate
from observatory.simulator.world.simulation import Simulation


@dataclass(frozen=True)
class Weather:
    """The weather over the city as arrays of one length, one element an hour.

    Attributes:
        temperature_c, wind_m_s, humidity_pct, pressure_hpa: means of the hour.
        rain_mm: sum of the hour.
    """

    temperature_c: Floats
    rain_mm: Floats
    wind_m_s: Floats
    humidity_pct: Floats
    pressure_hpa: Floats


def weather(simulation: Simulation, hours: Integers) -> Weather:
    """The weather of hours.

    Args:
        simulation: which city.
        hours: (n,) hours since 1970, UTC.
    """
    climate = simulation.parameters.climate
    days, of_day = np.unique(hours // 24 + UNIX_EPOCH_ORDINAL, return_inverse=True)
    of_day = of_day.reshape(hours.shape)
    hour = hours % 24
    key = combine(combine(name_key("weather"), simulation.seed), days)
    is_windy = great_wind(simulation, days)
    rain = rain_mm(simulation, hours)
    warmer = climate.unrest_c * ndtri(uniform(key, "unrest")) + climate.heat_c(days) - climate.wind_cools_c * is_windy
    gusts = np.exp(0.25 * ndtri(uniform(key, "wind")))
    by_day = np.where(is_windy, climate.wind_m_s, climate.calm_m_s) * gusts
    about_noon = np.cos(2 * np.pi * (hour - climate.warmest_hour) / 24)
    dampness = 68 - 16 * is_windy + 5 * ndtri(uniform(key, "humidity"))
    pressure = 1_016 + 5 * ndtri(uniform(key, "pressure"))
    return Weather(
        temperature_c=climate.course_c(hours) + warmer[of_day],
        rain_mm=rain,
        wind_m_s=by_day[of_day] * (1 + 0.3 * about_noon),
        humidity_pct=np.where(rain > 0, 93.0, np.clip(dampness[of_day] - 10 * about_noon, 15, 90)),
        pressure_hpa=pressure[of_day] - 8.0 * (rain > 0),
    )


def rain_mm(simulation: Simulation, hours: Integers) -> Floats:
    """Millimetres of rain in each hour since 1970 (UTC); the shape of ``hours``."""
    climate = simulation.parameters.climate
    seeded = combine(name_key("rain"), simulation.seed)
    days, of_day = np.unique(hours // 24 + UNIX_EPOCH_ORDINAL, return_inverse=True)
    of_day = of_day.reshape(hours.shape)
    begins, lasts, is_rainy = _spells(climate, combine(seeded, days), days)
    is_rainy &= ~great_wind(simulation, days)
    since = hours % 24 - begins[of_day]
    falls = is_rainy[of_day] & (since >= 0) & (since < lasts[of_day])
    amount = climate.least_mm - climate.rain_mm * np.log(uniform(combine(seeded, hours), "amount"))
    return np.where(falls, np.round(amount, 1), 0.0)


def great_wind(simulation: Simulation, days: Integers) -> np.ndarray:
    """Whether the great wind blows, per day (proleptic ordinals)."""
    climate = simulation.parameters.climate
    block = combine(combine(name_key("great wind"), simulation.seed), days // climate.wind_block_days)
    return uniform(block, "blows") < climate.wind_share


def _spells(climate: Climate, key: Keys, days: Integers) -> tuple[Integers, Integers, np.ndarray]:
    """(days,) first hour and length of each day's possible spell of rain, and whether it rains."""
    shortest, longest = climate.rain_hours
    lasts = shortest + np.floor(uniform(key, "lasts") * (longest - shortest + 1)).astype(np.int64)
    begins = np.floor(uniform(key, "begins") * (25 - lasts)).astype(np.int64)
    return begins, lasts, uniform(key, "rainy") < climate.rain_chance(days)
