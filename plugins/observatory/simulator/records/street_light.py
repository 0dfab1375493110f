"""Outages of street lights, until their repair."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from observatory.simulator.world.clock import days_of, moments
from observatory.simulator.world.draws import uniform
from observatory.simulator.world.occurrences import (
    addresses,
    chance,
    district_shares,
    entered,
    history,
    later,
    lognormal,
    minute_of_day,
    numbered,
    occur,
    place,
)
from observatory.simulator.world.simulation import Simulation

_BEFORE = timedelta(days=60)


def versions(simulation: Simulation, _: date, end_day: date) -> pl.DataFrame:
    """Every outage seen before ``end_day``; see ``observatory.simulator.records``."""
    lights = simulation.parameters.services.lights
    districts = [*lights.repair_days]
    days = days_of(simulation.first_day - _BEFORE, end_day)
    rates = lights.rate * simulation.population / 100_000 * district_shares()
    found = occur(simulation, "street_light", districts, days, rates[:, None] * np.ones(len(days)))
    key = found.key
    address = addresses(key, found.group)
    at = moments(found.day, minute_of_day(key, 21, 1.5))
    wait = lognormal(key, "repair", np.array([*lights.repair_days.values()])[found.group], 0.5) * 24 * 60
    wait = np.where(chance(key, "never repaired", lights.never_repaired_share), np.nan, wait)
    repaired_at = later(at, wait)
    frame = pl.DataFrame(
        {
            "source_record_id": numbered("EP", found.day),
            "occurred_from": at,
            "occurred_to": pl.Series([None] * len(key), dtype=pl.Datetime("us", "UTC")),
            "light_code": np.char.add("L", np.char.zfill(address.astype(str), 5)),
            "state": np.where(chance(key, "dimmed", 0.1), "dimmed", "outage"),
            **place(address),
        }
    )
    first, right = entered(frame, key, later(at, 10 + 600 * uniform(key, "entry")), lights.changes, {})
    repaired = right.with_columns(
        occurred_to=repaired_at,
        state=pl.lit("repaired"),
        shown_from=pl.max_horizontal(
            later(repaired_at, np.full(len(key), 60.0)), first["shown_from"] + pl.duration(minutes=5)
        ),
    ).filter(repaired_at.is_not_null())
    return history(first, repaired)
