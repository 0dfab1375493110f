"""Sites that count road traffic, and the traffic of a day; the formulas are in ``parameters.roads``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely
from scipy.special import ndtri

from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import Floats, Integers, Keys, combine, name_key, uniform
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.parameters.roads import INBOUND, OUTBOUND, Axis, Roads, Stretch
from observatory.simulator.world.simulation import TIMEZONE, Simulation
from observatory.simulator.world.weather import rain_mm

INTERVAL_MIN = 6
_PER_HOUR = 60 // INTERVAL_MIN
_HOUR_S, _INTERVAL_S = 3_600, INTERVAL_MIN * 60
_MOTORWAY_MARK = "#"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Sites:
    """The sites as arrays of one length, city sites first.

    Attributes:
        code: ``0001``, ``0002``, …; on motorways ``#A1i.01``.
        number: within the city's or the motorways' sites, from 0.
        axis: position in ``Roads.axes``; direction: inbound or outbound.
        share: how far along the axis' line, 0 to 1.
        local_m: (n, 2) metres from the city's centre; degrees: (n, 2) longitude and latitude, six decimals.
        is_motorway: whether the motorway service measures it.
        lanes, free_flow_kmh, capacity_veh_h, peak_load: of its axis.
    """

    code: npt.NDArray[np.str_]
    number: Integers
    axis: Integers
    direction: Integers
    share: Floats
    local_m: Floats
    degrees: Floats
    is_motorway: Mask
    lanes: Integers
    free_flow_kmh: Floats
    capacity_veh_h: Floats
    peak_load: Floats

    def on(self, stretch: Stretch, roads: Roads) -> Mask:
        """Whether each site lies on a stretch."""
        is_there = np.array([axis.code == stretch.axis for axis in roads.axes])[self.axis]
        is_there &= (self.share >= stretch.begins) & (self.share <= stretch.ends)
        return is_there if stretch.direction is None else is_there & (self.direction == stretch.direction)


@dataclass(frozen=True)
class Traffic:
    """A day's expected traffic, before chance and sensor faults; (sites, intervals) unless stated.

    Attributes:
        begins_s: (intervals,) seconds since 1970 at which each interval of the local day begins.
        flow_veh_h, speed_kmh: expected.
        slowed_share: share of the speed lost to jams, matches and queues.
        is_rainy: (intervals,).
        is_closed: no vehicle passes.
        is_missing, is_stuck: (sites,) sensors that fail on that day.
    """

    begins_s: Integers
    flow_veh_h: Floats
    speed_kmh: Floats
    slowed_share: Floats
    is_rainy: Mask
    is_closed: Mask
    is_missing: Mask
    is_stuck: Mask


def sites_of(simulation: Simulation) -> Sites:
    """The sites of the city and the motorways; their number grows with the population."""
    return _sites(simulation.parameters.roads, simulation.population)


def traffic(simulation: Simulation, day: date) -> Traffic:
    """The traffic of a local day."""
    roads, sites, ordinal = simulation.parameters.roads, sites_of(simulation), day.toordinal()
    begins_s, hour = _intervals(day)
    weekday = day.weekday()
    of_direction = np.array([roads.profile(weekday, direction, hour) for direction in (INBOUND, OUTBOUND)])
    spread = _spread(simulation, sites, ordinal) * dict(roads.months).get(day.month, 1.0)
    load = (sites.peak_load * spread)[:, None] * of_direction[sites.direction]
    slowed = np.zeros_like(load)
    for jam in roads.jams:
        slowed = np.maximum(slowed, sites.on(jam.where, roads)[:, None] * jam.slowed(weekday, hour))
    is_closed = np.zeros(load.shape, bool)
    for closure in roads.closures:
        is_on = closure.is_on(ordinal, hour)
        is_closed |= sites.on(closure.where, roads)[:, None] & is_on
        if closure.queue:
            waits = sites.on(closure.queue, roads)[:, None] & is_on
            slowed = np.maximum(slowed, closure.queue_slowed_share * waits)
    for since in _since_kick_off(simulation, day, begins_s):
        drawn = _near_the_stadium(simulation, sites)[:, None] & _is_match_time(roads, since)
        load *= 1 + roads.matches.more_share * drawn
        slowed = np.maximum(slowed, roads.matches.slowed_share * drawn)
    hours, of_hour = np.unique(begins_s // _HOUR_S, return_inverse=True)
    is_rainy = (rain_mm(simulation, hours) > 0)[of_hour]
    speed = sites.free_flow_kmh[:, None] / (1 + 0.15 * load**4) * (1 - roads.rain_slows * is_rainy) * (1 - slowed)
    flow = load * (sites.capacity_veh_h * sites.lanes)[:, None] * (1 - roads.jam_flow_share * slowed)
    return Traffic(
        begins_s=begins_s,
        flow_veh_h=np.where(is_closed, 0.0, flow),
        speed_kmh=speed,
        slowed_share=slowed,
        is_rainy=is_rainy,
        is_closed=is_closed,
        is_missing=roads.missing.is_on(sites.number, sites.is_motorway, ordinal),
        is_stuck=roads.stuck.is_on(sites.number, sites.is_motorway, ordinal),
    )


def interval_keys(simulation: Simulation, sites: Sites, begins_s: Integers) -> Keys:
    """(sites, intervals) keys; the same in every simulated span."""
    seeded = combine(name_key("traffic"), simulation.seed)
    number = sites.number + 100_000 * sites.is_motorway
    return combine(combine(seeded, begins_s // _INTERVAL_S)[None, :], number[:, None])


def counted(flow_veh_h: Floats, key: Keys) -> Integers:
    """Vehicles per interval: Poisson, approximated by a rounded normal."""
    mean = flow_veh_h / _PER_HOUR
    return np.maximum(np.round(mean + np.sqrt(mean) * ndtri(uniform(key, "count"))), 0).astype(np.int64)


@lru_cache(maxsize=8)
def _sites(roads: Roads, population: int) -> Sites:
    count = max(roads.least_sites, round(roads.sites_per_100k * population / 100_000))
    stretches = [(number, direction) for number in range(len(roads.axes)) for direction in (INBOUND, OUTBOUND)]
    is_motorway = np.array([roads.axes[number].is_motorway for number, _ in stretches])
    length = np.array([_line(roads.axes[number]).length for number, _ in stretches])
    of_motorways = max(is_motorway.sum(), round(count * roads.motorway_share))
    parts = []
    for kind, wanted in ((False, count - of_motorways), (True, of_motorways)):
        [chosen] = np.nonzero(is_motorway == kind)
        parts.append((chosen, _allotted(length[chosen], wanted)))
    stretch = np.concatenate([np.repeat(chosen, counts) for chosen, counts in parts])
    share = np.concatenate([(np.arange(each) + 0.5) / each for _, counts in parts for each in counts])
    axis, direction = np.array(stretches)[stretch].T
    along = [
        shapely.line_interpolate_point(_line(roads.axes[a]), s, normalized=True)
        for a, s in zip(axis, share, strict=True)
    ]
    local = np.array([[point.x, point.y] for point in along])
    motorway = is_motorway[stretch]
    within = np.concatenate([np.arange((~motorway).sum()), np.arange(motorway.sum())])
    on_stretch = np.concatenate([np.arange(each) for _, counts in parts for each in counts]) + 1
    names = [f"{_MOTORWAY_MARK}{each.code}{way}" for each in roads.axes for way in ("i", "o")]
    code = [
        f"{names[at]}.{nth:02d}" if far else f"{number + 1:04d}"
        for at, nth, far, number in zip(stretch, on_stretch, motorway, within, strict=True)
    ]
    return Sites(
        code=np.array(code),
        number=within,
        axis=axis,
        direction=direction,
        share=share,
        local_m=local,
        degrees=np.array([build_city().degrees(east, north) for east, north in local]),
        is_motorway=motorway,
        lanes=np.array([each.lanes for each in roads.axes])[axis],
        free_flow_kmh=np.array([each.free_flow_kmh for each in roads.axes], float)[axis],
        capacity_veh_h=np.array([each.capacity_veh_h for each in roads.axes], float)[axis],
        peak_load=np.array([each.peak_load for each in roads.axes])[axis],
    )


def _line(axis: Axis) -> shapely.LineString:
    return shapely.LineString(axis.points)


def _allotted(length: Floats, wanted: int) -> Integers:
    """Number of sites per axis: one each, the others by length with the largest remainders first."""
    exact = np.maximum(wanted - len(length), 0) * length / length.sum()
    counts = 1 + np.floor(exact).astype(np.int64)
    missing = max(wanted - counts.sum(), 0)
    counts[np.argsort(-(exact % 1), kind="stable")[:missing]] += 1
    return counts


def _intervals(day: date) -> tuple[Integers, Floats]:
    """Seconds since 1970 and local hours of the starts of a day's intervals; 230 or 250 when the clocks change."""
    first, end = moments([day.toordinal(), (day + timedelta(days=1)).toordinal()], [0, 0]).dt.epoch("s")
    begins_s = np.arange(first, end, _INTERVAL_S)
    local = pl.from_epoch(pl.Series(begins_s)).dt.replace_time_zone("UTC").dt.convert_time_zone(TIMEZONE)
    return begins_s, (local.dt.hour() + local.dt.minute() / 60).to_numpy()


def _spread(simulation: Simulation, sites: Sites, ordinal: int) -> Floats:
    """(sites,) factor of each site and day."""
    roads = simulation.parameters.roads
    site = combine(combine(name_key("site"), simulation.seed), sites.number + 100_000 * sites.is_motorway)
    of_site = roads.site_spread * ndtri(uniform(site, "load"))
    return np.exp(of_site + roads.day_spread * ndtri(uniform(combine(site, ordinal), "load")))


def _since_kick_off(simulation: Simulation, day: date, begins_s: Integers) -> list[Floats]:
    """Hours since the kick-off of each match that is played on the day."""
    played = fixtures(simulation, day, day + timedelta(days=1))
    minutes = played.minute[~played.is_cancelled]
    kick_offs = moments(np.full(len(minutes), day.toordinal()), minutes).dt.epoch("s")
    return [(begins_s - kick_off) / _HOUR_S for kick_off in kick_offs]


def _near_the_stadium(simulation: Simulation, sites: Sites) -> Mask:
    stadium = simulation.parameters.gatherings.matches
    away = sites.local_m - np.array([stadium.east_m, stadium.north_m])
    return np.hypot(*away.T) <= simulation.parameters.roads.matches.radius_m


def _is_match_time(roads: Roads, since_h: Floats) -> Mask:
    return np.any([(since_h >= first) & (since_h < end) for first, end in roads.matches.hours], axis=0)
