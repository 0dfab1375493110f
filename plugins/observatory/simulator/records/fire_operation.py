"""Operations of the fire brigade, sent once a day; some have times out of order or an implausible response time."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import days_of, moments
from observatory.simulator.world.draws import uniform
from observatory.simulator.world.occurrences import (
    addresses,
    chance,
    district_shares,
    entered,
    exponential,
    history,
    later,
    lognormal,
    minute_of_day,
    numbered,
    occur,
    place,
)
from observatory.simulator.world.simulation import Simulation

_SENT_AT_MIN = 6 * 60


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Operations whose call was received on the days; see ``observatory.simulator.records``.

    Response is counted from departure to arrival; its median by district is ``FireBrigade.response_min``.
    """
    fire = simulation.parameters.services.fire
    natures, districts = np.array([*fire.natures]), np.array([*fire.response_min])
    days = days_of(first_day, end_day)
    rates = np.array([rate for rate, _ in fire.natures.values()]) * simulation.population / 100_000
    rates = (rates[:, None] * district_shares(0.15)[None, :]).reshape(-1, 1) * np.ones(len(days))
    groups = [f"{nature} {district}" for nature in natures for district in districts]
    found = occur(simulation, "fire_operation", groups, days, rates)
    nature, district = np.divmod(found.group, len(districts))
    key = found.key
    called_at = moments(found.day, minute_of_day(key, 16, 0.5))
    response = lognormal(key, "response", np.array([*fire.response_min.values()])[district], fire.response_spread)
    turnout = 1 + 2 * uniform(key, "turnout")
    is_slow = chance(key, "slow", fire.slow_share)
    response = np.where(is_slow, 61 + 120 * uniform(key, "how slow"), np.minimum(response, 55))
    departed_at = later(called_at, turnout)
    is_disordered = chance(key, "disordered", fire.disordered_share) & ~is_slow
    arrived_at = later(departed_at, np.where(is_disordered, -0.5 * turnout, response))
    spent = np.array([minutes for _, minutes in fire.natures.values()])[nature]
    cleared_at = later(arrived_at, np.where(is_disordered, response, 0) + 5 + exponential(key, "spent", spent))
    frame = pl.DataFrame(
        {
            "source_record_id": numbered("C1", found.day),
            "occurred_from": called_at,
            "occurred_to": cleared_at,
            "nature_code": natures[nature],
            "departed_at": departed_at,
            "arrived_at": arrived_at,
            "cleared_at": cleared_at,
            **place(addresses(key, district, 0.15)),
        }
    )
    other = natures[(nature + 1 + (uniform(key, "other") * (len(natures) - 1)).astype(int)) % len(natures)]
    sent_at = moments(found.day + 1, np.full(len(key), _SENT_AT_MIN))
    return history(*entered(frame, key, sent_at, fire.changes, {"nature_code": pl.Series(other)}))
