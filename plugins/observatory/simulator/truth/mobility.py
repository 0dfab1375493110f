"""What is planted in how people move: car parks and shared bicycles, public transport, who is where.

Hours are of the local clock, weekdays count from Monday (0), places are metres from the centre of the city.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from observatory.simulator.draws import Floats, Integers
from observatory.simulator.truth.services import Changes


@dataclass(frozen=True)
class Rhythm:
    """How full a place is through the day: a share ``low`` at least, ``high`` at most, at its top at ``peak_h``.

    What lies above ``low`` is multiplied by the weekday's factor.
    """

    low: float
    high: float
    peak_h: float
    weekdays: tuple[float, ...]

    def share(self, hour: Floats, weekday: Integers) -> Floats:
        """The share taken at each hour of each weekday."""
        swing = np.exp(1.6 * (np.cos(2 * np.pi * (hour - self.peak_h) / 24) - 1))
        return self.low + (self.high - self.low) * swing * np.array(self.weekdays)[weekday]


@dataclass(frozen=True)
class CarPark:
    """A car park: code, name, place, capacity and the rhythm that it follows."""

    code: str
    name: str
    east_m: float
    north_m: float
    capacity: int
    use: str


@dataclass(frozen=True)
class Stuck:
    """A counter that tells the same number for ``for_h`` hours of each week, from ``from_h`` of a weekday."""

    code: str
    weekday: int
    from_h: float
    for_h: float


@dataclass(frozen=True)
class Parking:
    """Car parks and stations of shared bicycles, each read every ``every_min`` minutes.

    Attributes:
        car_parks: those with a name; others are drawn until there are ``per_100k``.
        rhythms: by use; those of stations are of the docks that bicycles stand in.
        spread: standard deviation of the share taken, from hour to hour.
        near_m: a market within so many metres fills a car park to ``market_share`` while it is held.
        stadium: car park that is full from ``before_h`` hours before the kick-off of a match to ``after_h`` after it.
        ramp_h: how long it takes to fill and to empty.
        stuck: the counter that stands still.
        changes: of what car parks tell.
        drifting: car park whose counter is off, by another part of ``most_drift`` of its capacity each day.
        closed: car park that is closed on ``closed_weekday``.
        silent, silent_h: car park whose counter sends nothing in these hours of each night.
        silent_share: share of all other readings of a car park that have no count.
        stations_per_100k, docks: stations of bicycles, and how many docks one has.
    """

    car_parks: tuple[CarPark, ...]
    rhythms: Mapping[str, Rhythm]
    stuck: Stuck
    changes: Changes
    per_100k: float = 60 / 8.7
    every_min: int = 5
    spread: float = 0.03
    near_m: float = 400
    market_share: float = 0.97
    stadium: str = "P02"
    before_h: float = 1
    after_h: float = 2
    ramp_h: float = 1
    drifting: str = "P04"
    most_drift: float = 0.05
    closed: str = "P05"
    closed_weekday: int = 6
    silent: str = "P06"
    silent_h: tuple[float, float] = (1, 5)
    silent_share: float = 0.01
    stations_per_100k: float = 15
    docks: tuple[int, int] = (12, 30)


@dataclass(frozen=True)
class Mobility:
    """All of it; see each part."""

    parking: Parking


MOBILITY = Mobility(
    parking=Parking(
        car_parks=(
            CarPark("P01", "Parking du Centre", 640, 610, 320, "centre"),
            CarPark("P02", "Parking du Stade", -1480, 560, 600, "office"),
            CarPark("P03", "Parking de la Gare", 1500, 1300, 450, "office"),
            CarPark("P04", "Parking des Docks", 2250, -1250, 240, "office"),
            CarPark("P05", "Parking de la Criée", -250, -1500, 180, "centre"),
            CarPark("P06", "Parking du Phare", 1300, 3600, 150, "residents"),
            CarPark("P07", "Parking du Vieux-Port", -420, -1050, 500, "centre"),
            CarPark("P08", "Parking des Amers", -3000, 2450, 130, "residents"),
        ),
        rhythms={
            "centre": Rhythm(0.2, 0.72, 16, (0.9, 1.0, 0.95, 1.0, 1.05, 1.2, 0.6)),
            "office": Rhythm(0.1, 0.85, 13, (1.0, 1.0, 1.0, 1.0, 0.95, 0.35, 0.2)),
            "residents": Rhythm(0.45, 0.88, 2, (1.0, 1.0, 1.0, 1.0, 1.0, 1.05, 1.1)),
            "docks in the centre": Rhythm(0.25, 0.8, 13, (1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.5)),
            "docks at homes": Rhythm(0.3, 0.75, 1, (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)),
        },
        stuck=Stuck("P03", weekday=2, from_h=10, for_h=30),
        changes=Changes(
            late_share=0.01,
            corrected_share=0.005,
            withdrawn_share=0,
            twice_share=0.004,
            faulty_share=0.002,
            last_change_days=1,
        ),
    ),
)
"""What is planted in the demo city."""
