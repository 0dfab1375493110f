"""Car parks and stations of shared bicycles: their places, and how many spaces are taken at a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtri

from observatory.simulator.world.city import build_city
from observatory.simulator.world.draws import Floats, Integers, Keys, choose, combine, name_key, uniform
from observatory.simulator.world.gatherings import kick_offs_h
from observatory.simulator.world.occurrences import homes
from observatory.simulator.world.parameters.gatherings import Market
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, UNIX_EPOCH_ORDINAL
from observatory.simulator.world.parameters.mobility import Parking, Stuck
from observatory.simulator.world.simulation import TIMEZONE, Simulation

STATION = "V"
"""First letter of a station's code."""

_DRAWN_USES = ("centre", "office", "residents")
_DRAWN_PLACES = (80, 700)
_STATION_SPREAD = 2.5
_CENTRALITY = 0.4
_DOWNTOWN_M = 1_800


@dataclass(frozen=True)
class Sites:
    """Car parks, then stations, as arrays of one length; the same for every seed.

    Attributes:
        key: what each one's draws depend on.
        code, name: as published.
        east_m, north_m: metres from the centre.
        lonlat: (n, 2) degrees.
        capacity: places or docks.
        use: name of its daily rhythm.
    """

    key: Keys
    code: list[str]
    name: list[str]
    east_m: Floats
    north_m: Floats
    lonlat: Floats
    capacity: Integers
    use: list[str]

    @property
    def is_station(self) -> npt.NDArray[np.bool_]:
        """(n,) whether each is a station of bicycles."""
        return np.char.startswith(np.array(self.code), STATION)

    def is_called(self, code: str) -> npt.NDArray[np.bool_]:
        """(n,) whether each is the one with that code."""
        return np.array(self.code) == code


@dataclass(frozen=True)
class Clock:
    """Moments on the local clock: (t,) seconds since 1970 (UTC), day (ordinal), weekday and hour with its fraction."""

    second: Integers
    day: Integers
    weekday: Integers
    hour: Floats


def on_the_clock(moment: pl.Series) -> Clock:
    """Moments in UTC converted to the local clock."""
    local = moment.dt.convert_time_zone(TIMEZONE)
    day = local.dt.date().cast(pl.Int32).to_numpy().astype(np.int64) + UNIX_EPOCH_ORDINAL
    minute = local.dt.hour().cast(pl.Int64) * 60 + local.dt.minute()
    return Clock(moment.dt.epoch("s").to_numpy(), day, (day - ORIGIN_ORDINAL) % 7, minute.to_numpy() / 60)


def build_sites(parking: Parking, population: int) -> Sites:
    """Build the car parks and stations of a city with a given population."""
    city = build_city()
    named = parking.car_parks
    more = max(round(parking.per_100k * population / 100_000) - len(named), 0)
    stations = round(parking.stations_per_100k * population / 100_000)
    code = [f"P{len(named) + number + 1:02d}" for number in range(more)]
    code += [f"{STATION}{number + 1:03d}" for number in range(stations)]
    key = np.array([name_key(f"site {each}") for each in code], np.uint64)
    address = choose(key, "address", np.zeros(len(key), np.int64), homes(_CENTRALITY)[1][None, :])
    local = city.addresses[address] - city.centre
    is_station = np.arange(len(code)) >= more
    least, most = np.where(is_station[:, None], parking.docks, _DRAWN_PLACES).T
    drawn = (uniform(key, "use") * len(_DRAWN_USES)).astype(int)
    is_central = np.hypot(*local.T) < _DOWNTOWN_M
    use = [
        ("docks in the centre" if central else "docks at homes") if station else _DRAWN_USES[number]
        for station, central, number in zip(is_station, is_central, drawn, strict=True)
    ]
    name = [
        f"{'Station' if station else 'Parking'} n° {each[1:]}" for station, each in zip(is_station, code, strict=True)
    ]
    fixed = np.array([city.degrees(each.east_m, each.north_m) for each in named])
    return Sites(
        key=np.concatenate([np.array([name_key(f"site {each.code}") for each in named], np.uint64), key]),
        code=[*(each.code for each in named), *code],
        name=[*(each.name for each in named), *name],
        east_m=np.array([*(each.east_m for each in named), *local[:, 0]]),
        north_m=np.array([*(each.north_m for each in named), *local[:, 1]]),
        lonlat=np.concatenate([fixed, city.lonlat[address]]),
        capacity=np.array(
            [*(each.capacity for each in named), *np.round(least + (most - least) * uniform(key, "capacity"))], np.int64
        ),
        use=[*(each.use for each in named), *use],
    )


def taken(simulation: Simulation, sites: Sites, clock: Clock) -> Integers:
    """(n, t) spaces really taken at each site and moment, independent of what its counter reports."""
    parking = simulation.parameters.mobility.parking
    share = np.array([parking.rhythms[use].share(clock.hour, clock.weekday) for use in sites.use])
    spread = parking.spread * np.where(sites.is_station, _STATION_SPREAD, 1.0)
    share += spread[:, None] * _noise(combine(sites.key, simulation.seed), clock.second)
    for level, weight in (
        (parking.market_share, _markets(parking, simulation.parameters.gatherings.markets, sites, clock)),
        (1.0, _match(simulation, sites, clock)),
    ):
        share += (level - share) * weight
    return np.round(np.clip(share, 0, 1) * sites.capacity[:, None]).astype(np.int64)


def hours_stuck(stuck: Stuck, clock: Clock) -> Floats:
    """(t,) hours since the counter got stuck; NaN while it works."""
    since = (clock.weekday * 24 + clock.hour - stuck.weekday * 24 - stuck.from_h) % (7 * 24)
    return np.where(since < stuck.for_h, since, np.nan)


def _noise(key: Keys, second: Integers) -> Floats:
    """(n, t) standard normal at each full hour, linearly interpolated between them."""
    hours = np.arange(second.min() // 3600, second.max() // 3600 + 2)
    drawn = ndtri(uniform(combine(key[:, None], hours[None, :]), "noise"))
    position, part = np.divmod(second - hours[0] * 3600, 3600)
    part = part / 3600
    return drawn[:, position] * (1 - part) + drawn[:, position + 1] * part


def _markets(parking: Parking, markets: Sequence[Market], sites: Sites, clock: Clock) -> Floats:
    """(n, t) how far the markets nearby have filled each car park, 0 to 1."""
    weight = np.zeros((len(sites.code), len(clock.hour)))
    for market in markets:
        distance = np.hypot(sites.east_m - market.east_m, sites.north_m - market.north_m)
        is_near = (distance < parking.near_m) & ~sites.is_station
        filled = market.is_held(clock.day) * between(clock.hour, market.opens_h, market.closes_h, parking.ramp_h)
        weight = np.maximum(weight, is_near[:, None] * filled)
    return weight


def _match(simulation: Simulation, sites: Sites, clock: Clock) -> Floats:
    """(n, t) how far a match has filled the stadium's car park, 0 to 1."""
    parking = simulation.parameters.mobility.parking
    since = np.nan_to_num(clock.hour - kick_offs_h(simulation, clock.day), nan=-np.inf)
    filled = between(since, -parking.before_h, parking.after_h, parking.ramp_h)
    return sites.is_called(parking.stadium)[:, None] * filled


def between(hour: Floats, start_h: float, end_h: float, ramp_h: float) -> Floats:
    """1 between two hours, 0 outside, linear within ``ramp_h`` of them."""
    return np.clip(np.minimum(hour - start_h + ramp_h, end_h + ramp_h - hour) / ramp_h, 0, 1)
