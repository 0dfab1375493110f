"""Sightings of vending around the street markets: number of sellers and class of goods, no persons."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import days_of, moments
from observatory.simulator.world.draws import choose, poisson, uniform
from observatory.simulator.world.occurrences import chance, entered, history, later, numbered, occur, place
from observatory.simulator.world.simulation import Simulation

_IMPOSSIBLE_COUNT = 900


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Sightings of the days; see ``observatory.simulator.records``. Faulty ones have an implausible count."""
    vending, markets = simulation.parameters.services.vending, simulation.parameters.gatherings.markets
    city, days = build_city(), days_of(first_day, end_day)
    factors = np.array([vending.factors(market.is_held(days)) for market in markets])
    rates = vending.rate * factors * simulation.population / 100_000
    found = occur(simulation, "street_vending", [market.code for market in markets], days, rates)
    key, market = found.key, found.group
    opens, closes = np.array([[each.opens_h, each.closes_h] for each in markets])[market].T
    at = moments(found.day, (opens + (closes - opens) * uniform(key, "hour")) * 60)
    stalls = np.array([each.stalls for each in markets])[market]
    sellers = vending.sellers_per_stall * stalls * factors[market, found.day - first_day.toordinal()]
    count = poisson(key, "sellers", sellers)
    count = np.where(chance(key, "faulty", vending.changes.faulty_share), _IMPOSSIBLE_COUNT, count)
    goods = list(dict.fromkeys(name for weights in vending.goods.values() for name in weights))
    weights = np.array([[vending.goods[each.code].get(name, 0.0) for name in goods] for each in markets])
    nearby = np.array([city.around(each.east_m, each.north_m, vending.spread_m) for each in markets])
    frame = pl.DataFrame(
        {
            "source_record_id": numbered("VSR", found.day),
            "occurred_from": at,
            "occurred_to": at,
            "observed_count": count,
            "goods_class": np.array(goods)[choose(key, "goods", market, weights)],
            **place(choose(key, "address", market, nearby)),
        }
    )
    noted_at = later(at, 15 + 600 * uniform(key, "noted"))
    return history(*entered(frame, key, noted_at, vending.changes, {"observed_count": pl.Series(count + 10)}))
