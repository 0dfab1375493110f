"""Visits to emergency wards, summed by day, class of age and reason, including sums below five."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import days_of, moments, stamps
from observatory.simulator.world.draws import Floats, Integers, Keys, combine, name_key, poisson
from observatory.simulator.world.occurrences import by_weekday, entered, history
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, YEAR_DAYS
from observatory.simulator.world.parameters.services import Hospital
from observatory.simulator.world.simulation import Simulation

ALL_AGES = "0"
_WEEKDAY = (1.1, 1.0, 0.97, 0.97, 0.97, 1.0, 0.99)
_COLDEST_DAY = 14
_PUBLISHED_AT_MIN = 10 * 60
_FIRST_COUNTED_SHARE = 0.9


def expected(hospital: Hospital, population: int, days: Integers) -> Floats:
    """(establishments, motives, ages, days) expected visits, without the sum of all ages."""
    wards = max(1, population // hospital.people_per_establishment)
    season = 1 + hospital.winter * np.cos(2 * np.pi * (days - ORIGIN_ORDINAL - _COLDEST_DAY) / YEAR_DAYS)
    visits = hospital.rate * population / 100_000 / wards * season * by_weekday(days, _WEEKDAY)
    shares = np.multiply.outer([*hospital.motives.values()], [*hospital.ages.values()])
    return np.broadcast_to(shares[None, :, :, None] * visits, (wards, *shares.shape, len(days)))


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Sums of the days; see ``observatory.simulator.records``. The first version of a corrected sum is too small."""
    hospital = simulation.parameters.services.hospital
    days = days_of(first_day, end_day)
    rates = expected(hospital, simulation.population, days)
    names = [
        f"{ward} {motive} {age}" for ward in range(len(rates)) for motive in hospital.motives for age in hospital.ages
    ]
    seeded = combine(name_key("hospital_activity"), simulation.seed)
    keys = combine(combine(seeded, np.array([name_key(name) for name in names]))[:, None], days[None, :])
    counts = poisson(keys, "count", rates.reshape(keys.shape)).reshape(rates.shape)
    counts = np.concatenate([counts.sum(axis=2, keepdims=True), counts], axis=2)
    ages = np.array([ALL_AGES, *hospital.ages])
    ward, motive, age, day = (axis.ravel() for axis in np.indices(counts.shape))
    codes = np.array([f"ES{number + 1:02d}" for number in range(len(rates))])
    key: Keys = combine(combine(seeded, (ward * 100 + motive) * 100 + age), days[day])
    frame = pl.DataFrame(
        {
            "occurred_from": moments(days[day], np.zeros(len(day))),
            "occurred_to": moments(days[day] + 1, np.zeros(len(day))),
            "occurred_precision": "day",
            "establishment_code": codes[ward],
            "age_class": ages[age],
            "motive_code": np.array([*hospital.motives])[motive],
            "visit_count": counts.ravel(),
        }
    )
    stamp = stamps(days[day])
    frame = frame.insert_column(
        0,
        pl.select(
            pl.format("{}-{}-{}-{}", frame["establishment_code"], stamp, frame["age_class"], frame["motive_code"])
        )
        .to_series()
        .alias("source_record_id"),
    )
    published_at = moments(days[day] + 1, np.full(len(day), _PUBLISHED_AT_MIN))
    fewer = pl.Series(np.floor(counts.ravel() * _FIRST_COUNTED_SHARE).astype(np.int64))
    return history(*entered(frame, key, published_at, hospital.changes, {"visit_count": fewer}))
