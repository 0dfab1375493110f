"""Free places of car parks and free docks of bicycle stations, every five minutes, as their counters report them.

A car park's code begins with ``P``, and its source keeps all readings: some are late, wrong at first or listed twice. A
station's code begins with ``V``, and its source lists only the newest reading.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import after, moments
from observatory.simulator.world.draws import Integers, combine, name_key, uniform
from observatory.simulator.world.occurrences import chance, entered, history
from observatory.simulator.world.parking import Clock, Sites, build_sites, hours_stuck, on_the_clock, taken
from observatory.simulator.world.simulation import Simulation

_LAG_S = 60


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the readings of the local days ``[first_day, end_day)``; see the package.

    A wrong reading reports the taken places as free; a faulty one has more free places than there are.
    """
    parking = simulation.parameters.mobility.parking
    sites = build_sites(parking, simulation.population)
    start, end = moments([first_day.toordinal(), end_day.toordinal()], [0, 0])
    moment = pl.datetime_range(start, end, f"{parking.every_min}m", closed="left", eager=True)
    clock = on_the_clock(moment)
    free = _reported(simulation, sites, clock)
    site, at = (axis.ravel() for axis in np.indices(free.shape))
    key = combine(combine(sites.key, simulation.seed)[site], clock.second[at])

    hour, (silent_from, silent_to) = clock.hour[at], parking.silent_h
    is_station = sites.is_station[site]
    is_silent = sites.is_called(parking.silent)[site] & (hour >= silent_from) & (hour < silent_to)
    is_silent |= chance(key, "silent", parking.silent_share) & ~is_station
    is_closed = sites.is_called(parking.closed)[site] & (clock.weekday[at] == parking.closed_weekday)
    is_wrong = chance(key, "at fault", parking.changes.faulty_share) & ~is_station
    capacity = sites.capacity[site]
    count = np.where(is_wrong, 2 * capacity, free.ravel())
    occurred, code = moment.gather(at), pl.Series(sites.code).gather(site)
    readings = pl.DataFrame(
        {
            "source_record_id": code + "-" + moment.dt.strftime("%Y%m%dT%H%MZ").gather(at),
            "car_park_code": code,
            "place_name": pl.Series(sites.name).gather(site),
            "free_count": pl.Series(count, dtype=pl.Int32).set(pl.Series(is_silent | is_closed), None),
            "capacity_count": pl.Series(capacity, dtype=pl.Int32),
            "is_open": ~is_closed,
            "occurred_from": occurred,
            "longitude_deg": sites.lonlat[site, 0],
            "latitude_deg": sites.lonlat[site, 1],
        }
    )
    reported_at = after(occurred, np.full(len(site), _LAG_S))
    of_parks, of_stations = pl.Series(~is_station), pl.Series(is_station)
    parks = readings.filter(of_parks)
    mistaken = {"free_count": parks["capacity_count"] - parks["free_count"]}
    kept = history(*entered(parks, key[~is_station], reported_at.filter(of_parks), parking.changes, mistaken))
    newest = readings.with_columns(
        shown_from=reported_at, shown_until=after(reported_at, np.full(len(site), parking.every_min * 60))
    )
    return pl.concat([kept, newest.filter(of_stations)], how="diagonal").sort(
        "occurred_from", "source_record_id", "shown_from"
    )


def _reported(simulation: Simulation, sites: Sites, clock: Clock) -> Integers:
    """(sites, moments) free places as the counters report them, right or wrong."""
    parking = simulation.parameters.mobility.parking
    free = sites.capacity[:, None] - taken(simulation, sites, clock)
    stuck = sites.is_called(parking.stuck.code)
    since = hours_stuck(parking.stuck, clock)
    is_stuck = ~np.isnan(since)
    if is_stuck.any():
        begun = pl.Series(clock.second - np.round(np.nan_to_num(since) * 3600).astype(np.int64))
        then = on_the_clock(pl.from_epoch(begun, "s").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
        still = sites.capacity[:, None] - taken(simulation, sites, then)
        free = np.where(stuck[:, None] & is_stuck, still, free)
    drift_key = combine(combine(name_key("drift"), simulation.seed), clock.day)
    drift = np.trunc((2 * uniform(drift_key, "share") - 1) * parking.most_drift * sites.capacity[:, None])
    drifting = sites.is_called(parking.drifting)[:, None]
    return np.where(drifting, np.maximum(free + drift.astype(np.int64), 0), free)
