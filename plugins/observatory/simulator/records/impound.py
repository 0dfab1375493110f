"""Tows to the pound: where people live and downtown, and from market places before the market opens."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.records.version_spans import twice
from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import after, days_of, moments
from observatory.simulator.world.draws import choose, uniform
from observatory.simulator.world.occurrences import chance, occur
from observatory.simulator.world.simulation import Simulation

_MARKET_RADIUS_M = 120
_LONGEST_ENTRY_S = 3 * 3600


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """The tows of the local days ``[first_day, end_day)``; see the package.

    Entered within three hours. The share ``faulty_share`` has the point 0, 0; ``duplicated_share`` is listed twice.
    """
    parameters, city = simulation.parameters, build_city()
    tows, markets = parameters.tows, parameters.gatherings.markets
    days = days_of(first_day, end_day)
    # group 0 is everywhere, group n the n-th market
    groups = ["tow", *(market.code for market in markets)]
    held = np.array([market.is_held(days) for market in markets])
    mean = np.vstack([np.full(len(days), tows.per_100k), tows.per_market_100k * held]) * simulation.population / 100_000
    found = occur(simulation, "impound", groups, days, mean)
    key, group = found.key, found.group
    everywhere = tows.downtown_share * city.downtown + (1 - tows.downtown_share) / len(city.addresses)
    places = [everywhere, *(city.around(each.east_m, each.north_m, _MARKET_RADIUS_M) for each in markets)]
    address = choose(key, "address", group, np.array(places))
    opens = np.array([0, *(60 * market.opens_h for market in markets)])[group]
    minute = np.where(group == 0, 6 * 60 + 16 * 60 * uniform(key, "minute"), opens - 120 * uniform(key, "minute"))
    one_group = np.zeros(len(key), np.int64)
    motive = np.array(list(tows.motives))[choose(key, "motive", one_group, np.array([list(tows.motives.values())]))]
    vehicle = np.array(list(tows.vehicles))[choose(key, "vehicle", one_group, np.array([list(tows.vehicles.values())]))]
    wrong = chance(key, "at fault", parameters.faulty_share)
    towed = moments(found.day, np.floor(minute))
    rows = pl.DataFrame(
        {
            "source_record_id": pl.Series(key >> np.uint64(16)).cast(pl.String).str.zfill(15),
            "motive_code": np.where(group == 0, motive, tows.market_motive),
            "vehicle_class": vehicle,
            "occurred_from": towed,
            "longitude_deg": np.where(wrong, 0.0, city.lonlat[address, 0]),
            "latitude_deg": np.where(wrong, 0.0, city.lonlat[address, 1]),
            "shown_from": after(towed, 300 + _LONGEST_ENTRY_S * uniform(key, "entry")),
        }
    ).with_columns(shown_until=pl.lit(None, towed.dtype))
    return twice(rows, key, parameters.duplicated_share).sort("occurred_from", "source_record_id")
