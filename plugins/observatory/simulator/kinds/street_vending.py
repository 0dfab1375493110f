"""Sightings of vending at the street markets: how many sellers, of what goods; never who."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from scipy.spatial import cKDTree
from scipy.special import ndtri

from observatory.simulator.city import build_city
from observatory.simulator.draws import choose, poisson, uniform
from observatory.simulator.occurrences import (
    by_weekday,
    chance,
    entered,
    history,
    later,
    moments,
    numbered,
    occur,
    ordinals,
    place,
)
from observatory.simulator.simulation import Simulation
from observatory.simulator.truth.services import Changes

_CHANGES = Changes(corrected_share=0.01)
_IMPOSSIBLE_COUNT = 900


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Sightings of the days; see ``observatory.simulator.kinds``. Faulty ones have an impossible count."""
    markets = simulation.truth.services.markets
    city = build_city()
    days = ordinals(first_day, end_day)
    rhythm = np.array([by_weekday(days, market.weekday) for market in markets])
    rates = np.array([market.rate for market in markets])[:, None] * rhythm * simulation.population / 100_000
    found = occur(simulation, "street_vending", [market.name for market in markets], days, rates)
    key, market = found.key, found.group
    opens, closes = np.array([each.hours for each in markets])[market].T
    at = moments(found.day, (opens + (closes - opens) * uniform(key, "hour")) * 60)
    sellers = np.array([each.sellers for each in markets])[market] * rhythm[market, found.day - first_day.toordinal()]
    count = poisson(key, "sellers", sellers)
    count = np.where(chance(key, "faulty", _CHANGES.faulty_share), _IMPOSSIBLE_COUNT, count)
    goods = list(dict.fromkeys(name for each in markets for name in each.goods))
    weights = np.array([[each.goods.get(name, 0.0) for name in goods] for each in markets])
    centre = city.centre + np.array([[each.east_m, each.north_m] for each in markets])[market]
    away = np.column_stack([ndtri(uniform(key, "east")), ndtri(uniform(key, "north"))])
    _, address = cKDTree(city.addresses).query(
        centre + away * np.array([each.spread_m for each in markets])[market, None]
    )
    frame = pl.DataFrame(
        {
            "source_record_id": numbered("VSR", found.day),
            "occurred_from": at,
            "occurred_to": at,
            "observed_count": count,
            "goods_class": np.array(goods)[choose(key, "goods", market, weights)],
            **place(address.astype(np.int64)),
        }
    )
    noted_at = later(at, 15 + 600 * uniform(key, "noted"))
    return history(*entered(frame, key, noted_at, _CHANGES, {"observed_count": pl.Series(count + 10)}))
