"""Road accidents with injury: counts of people hurt, listed when the tables of their year are published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import days_of, moments, stamps
from observatory.simulator.world.draws import Floats, Integers, Keys, choose, combine, ordinals, uniform
from observatory.simulator.world.occurrences import by_weekday, chance, homes, occur, place
from observatory.simulator.world.parameters.accidents import Accidents
from observatory.simulator.world.simulation import Simulation
from observatory.simulator.world.weather import great_wind, rain_mm

DEPARTMENT, MUNICIPALITY = "99", "99001"
_HOUR_S = 3_600
_HEAVY_MM = 4.0
_COUNTS = {2: "killed_count", 3: "hospitalised_count", 4: "slightly_hurt_count", 1: "unhurt_count"}
"""Code of a severity to its count, worst first."""
_DAYLIGHT_H, _LIT_H = (8, 19), (6, 23)


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """The accidents of the local days ``[first_day, end_day)``, each in one version; see the package."""
    accidents, days = simulation.parameters.accidents, days_of(first_day, end_day)
    rain = rain_by_hour(simulation, days)
    found = occur(simulation, "accident", [f"{hour:02d}" for hour in range(24)], days, expected(simulation, days, rain))
    order = np.lexsort((found.key, found.group, found.day))
    key, day, hour = found.key[order], found.day[order], found.group[order]
    address = _addresses(key, accidents)
    published = [accidents.published_on(date.fromordinal(each).year).toordinal() for each in day]
    is_located = pl.Series(~chance(key, "unlocated", accidents.unlocated_share))
    rows = pl.DataFrame(
        {
            "source_record_id": _numbers(day),
            "occurred_from": moments(day, hour * 60 + np.floor(60 * uniform(key, "minute"))),
            "department_code": pl.repeat(DEPARTMENT, len(key), eager=True),
            "municipality_code": pl.repeat(MUNICIPALITY, len(key), eager=True),
            **_hurt(key, accidents),
            "light_code": _light(hour),
            "weather_code": _weather(simulation, day, rain[hour, day - days[0]] if len(day) else np.zeros(0)),
            "collision_code": _one_of(key, "collision", accidents.collisions),
            **place(address),
            "shown_from": moments(published, np.zeros(len(key))),
        }
    )
    places = pl.when(is_located).then(pl.col("longitude_deg", "latitude_deg"))
    return rows.with_columns(places, shown_until=pl.lit(None, rows.schema["shown_from"])).drop("district_code")


def rain_by_hour(simulation: Simulation, days: Integers) -> Floats:
    """(24, days) millimetres of rain in each hour of the local clock."""
    begins = moments(np.tile(days, 24), np.repeat(np.arange(24), len(days)) * 60.0)
    return rain_mm(simulation, begins.dt.epoch("s").to_numpy() // _HOUR_S).reshape(24, len(days))


def expected(simulation: Simulation, days: Integers, rain: Floats) -> Floats:
    """(24, days) expected accidents of each hour, given its rain."""
    accidents = simulation.parameters.accidents
    usual = accidents.rate * simulation.population / 100_000 / 24
    by_hour = np.array(accidents.hours)[:, None] * by_weekday(days, accidents.weekday)[None, :]
    return usual * by_hour * np.where(rain > 0, accidents.rain_factor, 1.0)


def _addresses(key: Keys, accidents: Accidents) -> Integers:
    city, background = homes(accidents.centrality)
    around = [city.around(each.east_m, each.north_m, each.spread_m) for each in accidents.crossings]
    weights = np.sum(accidents.weights(background, around), axis=0)
    return choose(key, "address", np.zeros(len(key), np.int64), weights[None, :])


def _hurt(key: Keys, accidents: Accidents) -> dict[str, pl.Series]:
    """Columns of counts, summed from draws per person that are not kept."""
    vehicles = _one_of(key, "vehicles", accidents.vehicles)
    involved = vehicles + _one_of(key, "more people", accidents.more_people)
    of = np.repeat(np.arange(len(key)), involved)
    number = ordinals(involved)
    person = combine(key[of], number)
    severity = _one_of(person, "severity", accidents.severities)
    # every accident has an injury: the first person is hurt
    hurt = {code: share for code, share in accidents.severities.items() if code != 1}
    severity = np.where(number == 0, _one_of(person, "first severity", hurt), severity)
    counts = {name: np.bincount(of[severity == code], minlength=len(key)) for code, name in _COUNTS.items()}
    age = _one_of(person, "age", accidents.ages)
    is_known = ~chance(person, "age unknown", accidents.unknown_age_share)
    ages = {name: np.bincount(of[(age == name) & is_known], minlength=len(key)) for name in accidents.ages}
    worst = np.select([counts[name] > 0 for name in _COUNTS.values()], list(_COUNTS), -1)
    columns = {"severity": worst, "vehicle_count": vehicles, "involved_count": involved, **counts, **ages}
    return {name: pl.Series(values).cast(pl.Int32) for name, values in columns.items()}


def _one_of(key: Keys, purpose: str, weights: Mapping[int, float] | Mapping[str, float]) -> np.ndarray:
    options = np.array([[*weights.values()]])
    return np.array(list(weights))[choose(key, purpose, np.zeros(len(key), np.int64), options)]


def _light(hour: Integers) -> np.ndarray:
    """BAAC's code: by day, at night with the lights on, at night without."""
    is_day = (hour >= _DAYLIGHT_H[0]) & (hour < _DAYLIGHT_H[1])
    is_lit = (hour >= _LIT_H[0]) & (hour < _LIT_H[1])
    return np.where(is_day, "1", np.where(is_lit, "5", "3"))


def _weather(simulation: Simulation, day: Integers, rain: Floats) -> np.ndarray:
    """BAAC's code: normal, light rain, heavy rain, strong wind."""
    dry = np.where(great_wind(simulation, day), "6", "1")
    return np.where(rain > _HEAVY_MM, "3", np.where(rain > 0, "2", dry))


def _numbers(day: Integers) -> pl.Series:
    """``202316600007`` for the seventh of the year's 166th day; ``day`` is sorted."""
    ordinal = pl.Series(np.arange(len(day)) - np.searchsorted(day, day, side="left") + 1)
    return stamps(day, "%Y%j") + ordinal.cast(pl.String).str.zfill(5)
