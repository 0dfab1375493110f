"""People present in each district by the hour, summed by a telephone operator that suppresses small sums."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from scipy.special import ndtri

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import after, moments
from observatory.simulator.world.draws import Floats, combine, name_key, uniform
from observatory.simulator.world.gatherings import fixtures, kick_offs_h
from observatory.simulator.world.occurrences import chance, district_shares, entered, history
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, YEAR_DAYS
from observatory.simulator.world.parameters.mobility import Presence
from observatory.simulator.world.parking import Clock, on_the_clock
from observatory.simulator.world.simulation import Simulation

_SLOT_S, _WRONG_SLOT_S = 3_600, 3 * 3_600
_TOP_OF_SUMMER = 201
_FIRST_COUNTED_SHARE = 0.8


def expected(simulation: Simulation, clock: Clock) -> Floats:
    """(districts, segments, t) people present on average in the hours that begin then, spectators included."""
    presence = simulation.parameters.mobility.presence
    codes = build_city().district_codes
    summer = np.cos(2 * np.pi * (clock.day - ORIGIN_ORDINAL - _TOP_OF_SUMMER) / YEAR_DAYS)
    volumes = np.empty((len(codes), len(presence.segments), len(clock.day)))
    for number, segment in enumerate(presence.segments):
        drawn = segment.districts
        shares = np.array([drawn[code] for code in codes]) if drawn else district_shares(segment.centrality)
        there = segment.rhythm.share(clock.hour + 0.5, clock.weekday) * (1 + segment.summer * summer)
        volumes[:, number] = simulation.population * segment.per_person * np.multiply.outer(shares, there)
    crowd = [segment.code for segment in presence.segments].index(presence.crowd)
    volumes[_stadium(simulation), crowd] += _spectators(simulation, presence, clock)
    return volumes


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the sums of the local days ``[first_day, end_day)``; see the package.

    A sum that is wrong at first is too small; a faulty one spans three hours. A suppressed one is null, never 0.
    """
    presence = simulation.parameters.mobility.presence
    start, end = moments([first_day.toordinal(), end_day.toordinal()], [0, 0])
    moment = pl.datetime_range(start, end, "1h", closed="left", eager=True)
    clock = on_the_clock(moment)
    means = expected(simulation, clock)
    district, segment, at = (axis.ravel() for axis in np.indices(means.shape))
    seeded = combine(name_key("population_flow"), simulation.seed)
    key = combine(combine(seeded, clock.second[at]), district * len(presence.segments) + segment)
    volume = np.round(means.ravel() * np.exp(presence.spread * ndtri(uniform(key, "volume"))))
    is_held_back = (volume < presence.least_count) & ~chance(key, "leaked", presence.leaked_share)
    is_faulty = chance(key, "at fault", presence.changes.faulty_share)
    occurred = moment.gather(at)
    zone = pl.Series(build_city().district_codes).gather(district)
    name = pl.Series([each.code for each in presence.segments]).gather(segment)
    frame = pl.DataFrame(
        {
            "source_record_id": zone + "-" + name + "-" + moment.dt.strftime("%Y%m%dT%HZ").gather(at),
            "zone_code": zone,
            "district_code": zone,
            "segment": name,
            "volume_count": pl.Series(np.where(is_held_back, np.nan, volume)).fill_nan(None),
            "occurred_from": occurred,
            "occurred_to": after(occurred, np.where(is_faulty, _WRONG_SLOT_S, _SLOT_S)),
        }
    )
    published_at = moments(clock.day[at] + 1, np.full(len(at), presence.published_min))
    fewer = np.floor(_FIRST_COUNTED_SHARE * volume)
    fewer = pl.Series(np.where(is_held_back | (fewer < presence.least_count), np.nan, fewer)).fill_nan(None)
    return history(*entered(frame, key, published_at, presence.changes, {"volume_count": fewer}))


def _stadium(simulation: Simulation) -> int:
    """Index of the stadium's district."""
    city, matches = build_city(), simulation.parameters.gatherings.matches
    return int(city.address_district[np.argmin(city.distance(matches.east_m, matches.north_m))])


def _spectators(simulation: Simulation, presence: Presence, clock: Clock) -> Floats:
    """(t,) spectators of a match, averaged over the hour that begins then."""
    first, last = int(clock.day.min()), int(clock.day.max())
    played = fixtures(simulation, date.fromordinal(first), date.fromordinal(last + 1))
    attendance = np.zeros(last + 1 - first)
    attendance[played.day - first] = played.attendance
    since = clock.hour - kick_offs_h(simulation, clock.day)
    there = np.minimum(since + 1, presence.after_h) - np.maximum(since, -presence.before_h)
    return attendance[clock.day - first] * np.nan_to_num(np.clip(there, 0, 1))
