"""Planted parameters of road traffic: axes with sites, daily profiles, jams, closures, matches, sensor faults.

``load`` is the share of an axis' capacity that is used: ``Axis.peak_load`` times ``Roads.profile``, the factor of the
month, of the site and of the day. At a working site, a lane has ``load x capacity`` vehicles an hour and

``speed = free_flow / (1 + 0.15 load^4) x (1 - rain_slows in rain) x (1 - slowed_share of a jam, a match, a closure)``

(the form of the Bureau of Public Roads, 1964), with noise. Vehicles of six minutes are Poisson (as a normal, rounded);
a flow is ten times their number, an occupancy follows from their density. Without vehicles, no speed is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from observatory.simulator.world.draws import Floats, Integers

INBOUND, OUTBOUND = 0, 1
WEEKDAYS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Axis:
    """A road with sites in both directions.

    Attributes:
        code, name: invented.
        points: its course towards the centre, metres east and north of the centre.
        lanes: of each direction.
        free_flow_kmh: speed on the empty road.
        capacity_veh_h: maximum vehicles per hour and lane.
        peak_load: share of the capacity used at the top of the profile.
        is_motorway: measured by the national motorway service instead of the city.
    """

    code: str
    name: str
    points: tuple[tuple[float, float], ...]
    lanes: int
    free_flow_kmh: float
    capacity_veh_h: float
    peak_load: float
    is_motorway: bool = False


@dataclass(frozen=True)
class Stretch:
    """A part of an axis: ``direction``, or both where None, and from and to which share of its line."""

    axis: str
    direction: int | None
    begins: float = 0.0
    ends: float = 1.0


@dataclass(frozen=True)
class Jam:
    """A recurring jam: on which days of the week (Monday 0) and hours of the local clock.

    Attributes:
        slowed_share: share of the speed that is lost between ``first_h + ramp_h`` and ``end_h - ramp_h``; it grows and
            shrinks linearly in the ramps. The flow falls by ``Roads.jam_flow_share`` of it.
    """

    name: str
    where: Stretch
    weekdays: tuple[int, ...]
    first_h: float
    end_h: float
    slowed_share: float
    ramp_h: float = 0.25

    def slowed(self, weekday: int, hour: Floats) -> Floats:
        """Share of the speed that is lost, per local hour of a day."""
        ramp = np.clip(np.minimum(hour - self.first_h, self.end_h - hour) / self.ramp_h, 0, 1)
        return self.slowed_share * ramp * (weekday in self.weekdays)


@dataclass(frozen=True)
class Closure:
    """A closed road: no vehicle passes, and its sensors correctly count none.

    Attributes:
        first_day, end_day: on which days, half-open; without an end where None.
        weekdays, first_h, end_h: when on these days, by the local clock.
        queue, queue_slowed_share: where vehicles queue because of it, and the share of the speed lost there.
    """

    name: str
    where: Stretch
    first_day: date
    end_day: date | None
    weekdays: tuple[int, ...] = tuple(range(7))
    first_h: float = 0.0
    end_h: float = 24.0
    queue: Stretch | None = None
    queue_slowed_share: float = 0.0

    def is_on(self, day: int, hour: Floats) -> np.ndarray:
        """Whether it is closed, per local hour of a day (proleptic ordinal)."""
        is_day = self.first_day.toordinal() <= day and (self.end_day is None or day < self.end_day.toordinal())
        return (hour >= self.first_h) & (hour < self.end_h) & (is_day and (day - 1) % 7 in self.weekdays)


@dataclass(frozen=True)
class Fault:
    """A sensor that fails: ``days`` of every ``cycle_days``, which begin with the site's number in its network.

    Attributes:
        every, number: of each network the sites whose number, divided by ``every``, leaves ``number``.
        is_city_only: whether motorways are excluded.
    """

    every: int
    number: int
    days: int
    cycle_days: int
    is_city_only: bool = False

    def is_on(self, numbers: Integers, is_motorway: np.ndarray, day: int) -> np.ndarray:
        """Whether each site fails on a day (proleptic ordinal)."""
        has_it = (numbers % self.every == self.number) & ~(is_motorway & self.is_city_only)
        return has_it & ((day + 5 * numbers) % self.cycle_days < self.days)


@dataclass(frozen=True)
class MatchTraffic:
    """Traffic to and from a match: within ``radius_m`` of the stadium, in hours around the kick-off.

    Attributes:
        hours: first and last hour since the kick-off of each time in which it is.
        more_share: relative increase of the flow; slowed_share: share of the speed lost.
    """

    radius_m: float = 1_500
    hours: tuple[tuple[float, float], ...] = ((-2.0, 0.0), (2.0, 3.0))
    more_share: float = 0.5
    slowed_share: float = 0.25


@dataclass(frozen=True)
class Roads:
    """All parameters of road traffic; see the module.

    Attributes:
        sites_per_100k: sites; least_sites: of the smallest city; motorway_share: of them.
        peaks: by direction, (hour, spread in hours, height) of the bumps of a working day; weekend: of the others.
        night: height of the profile without bumps.
        months: (month, factor) of the load; 1 where not named.
        site_spread, day_spread, speed_spread: standard deviations of the logarithms of the factors.
        missing: sensors that measure nothing: speed 0 of 0 inputs, and no flow; stuck: those that repeat one value.
        stuck_values: flow, speed, occupancy, inputs.
        late_share, corrected_share: of rows; the first version of a corrected one has half the flow.
        delay_min: from an interval's end to its publication; most_late_min, last_change_h: upper limits.
        impossible_kmh: the speed of a row of ``Parameters.faulty_share``.
    """

    axes: tuple[Axis, ...]
    jams: tuple[Jam, ...]
    closures: tuple[Closure, ...]
    peaks: tuple[tuple[tuple[float, float, float], ...], ...]
    weekend: tuple[tuple[float, float, float], ...]
    months: tuple[tuple[int, float], ...]
    missing: Fault
    stuck: Fault
    matches: MatchTraffic = MatchTraffic()
    sites_per_100k: float = 34.5
    least_sites: int = 20
    motorway_share: float = 0.1
    night: float = 0.04
    rain_slows: float = 0.1
    jam_flow_share: float = 0.4
    site_spread: float = 0.1
    day_spread: float = 0.03
    speed_spread: float = 0.04
    stuck_values: tuple[float, float, float, int] = (840.0, 47.0, 6.25, 84)
    late_share: float = 0.01
    corrected_share: float = 0.002
    delay_min: float = 2.0
    most_late_min: float = 90.0
    last_change_h: float = 24.0
    impossible_kmh: float = 255.0

    def profile(self, weekday: int, direction: int, hour: Floats) -> Floats:
        """Share of the peak load, per local hour of a day of the week (Monday 0)."""
        bumps = self.peaks[direction] if weekday in WEEKDAYS else self.weekend
        return self.night + np.sum([top * np.exp(-(((hour - at) / wide) ** 2) / 2) for at, wide, top in bumps], axis=0)


ROADS = Roads(
    axes=(
        Axis("B1", "Boulevard du Môle", ((-4500, 1500), (-1700, 900), (-300, 150)), 2, 50, 900, 0.8),
        Axis("B2", "Boulevard des Salins", ((4200, 2600), (2000, 1300), (300, 200)), 2, 50, 900, 0.75),
        Axis("B3", "Avenue du Phare", ((1700, 4600), (900, 2500), (150, 300)), 2, 50, 900, 0.7),
        Axis("B4", "Avenue des Docks", ((4500, -900), (2500, -1000), (400, -250)), 2, 50, 900, 0.8),
        Axis("B5", "Avenue de l'Estacade", ((-4200, -1500), (-2200, -1200), (-300, -300)), 1, 50, 850, 0.75),
        Axis("R1", "Rocade",
             ((-2400, -600), (-2200, 1000), (-1000, 2200), (800, 2300), (2200, 1200), (2500, -600)), 2, 70, 1_500, 0.8),
        Axis("Q1", "Corniche du Large", ((3300, -3300), (2100, -2600), (700, -1500)), 1, 50, 850, 0.6),
        Axis("Q2", "Quai du Vieux-Port", ((-1000, -950), (-500, -900), (-50, -750)), 1, 30, 700, 0.6),
        Axis("A1", "Autoroute A1", ((5000, 700), (3000, 400), (1200, 50)), 3, 90, 2_000, 0.8, is_motorway=True),
        Axis("A2", "Autoroute A2", ((-1700, 5000), (-900, 3000), (-300, 1200)), 3, 90, 2_000, 0.8, is_motorway=True),
    ),
    jams=(
        Jam("A2 towards the centre", Stretch("A2", INBOUND, 0.4, 1.0), WEEKDAYS, 7.25, 9.5, 0.65),
        Jam("A1 out of the city", Stretch("A1", OUTBOUND, 0.0, 0.6), (4,), 15.5, 19.5, 0.7),
        Jam("Rocade", Stretch("R1", INBOUND, 0.2, 0.6), WEEKDAYS, 16.5, 19.0, 0.6),
        Jam("Docks", Stretch("B4", INBOUND, 0.5, 1.0), (5,), 14.5, 18.0, 0.55),
    ),
    closures=(
        Closure("Quai for people on foot", Stretch("Q2", OUTBOUND), date(2020, 6, 1), None),
        Closure("Corniche without cars", Stretch("Q1", None), date(2021, 1, 1), None, (6,), 10.0, 18.0),
        Closure("Burst water main", Stretch("B2", INBOUND, 0.4, 1.0), date(2024, 5, 14), date(2024, 5, 15), (1,),
                15.5, 19.0, Stretch("B2", INBOUND, 0.0, 0.4), 0.6),
    ),
    peaks=(
        ((8.25, 1.0, 0.75), (13.0, 3.5, 0.45), (17.75, 1.5, 0.4)),
        ((8.25, 1.0, 0.4), (13.0, 3.5, 0.45), (17.75, 1.5, 0.75)),
    ),
    weekend=((11.5, 2.0, 0.3), (16.5, 2.8, 0.5)),
    months=((7, 0.95), (8, 0.85)),
    missing=Fault(every=12, number=1, days=4, cycle_days=21),
    stuck=Fault(every=1_000, number=2, days=10, cycle_days=28, is_city_only=True),
)  # fmt: skip
