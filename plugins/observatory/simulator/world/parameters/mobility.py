"""Planted parameters of mobility: car parks and shared bicycles, public transport, presence of people.

Hours are of the local clock, weekdays count from Monday (0), places are metres from the centre of the city.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from observatory.simulator.world.draws import Floats, Integers
from observatory.simulator.world.parameters.services import Changes


@dataclass(frozen=True)
class Rhythm:
    """How full a place is during the day: between the shares ``low`` and ``high``, the latter at ``peak_h``.

    The part above ``low`` is multiplied by the weekday's factor.
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
    """A car park: code, name, place, capacity and the name of its daily rhythm."""

    code: str
    name: str
    east_m: float
    north_m: float
    capacity: int
    use: str


@dataclass(frozen=True)
class Stuck:
    """A counter that repeats one number for ``for_h`` hours of each week, from ``from_h`` of a weekday."""

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
        near_m: a market within this distance fills a car park to ``market_share`` while it is held.
        stadium: car park that is full from ``before_h`` hours before the kick-off of a match to ``after_h`` after it.
        ramp_h: hours it takes to fill and to empty.
        stuck: the counter that gets stuck.
        changes: of the readings of car parks.
        drifting: car park whose counter is wrong, each day by another share of its capacity, at most ``most_drift``.
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
class Mode:
    """How lines of a mode run.

    Attributes:
        code: name of the mode.
        letter: first letter of a line's code.
        route_type: GTFS's number of it.
        people_per_line: people per line; the city has at least ``least_lines`` lines.
        spacing_m, speed_kmh: from stop to stop.
        first_h, last_h: first and last departure; the last may be after midnight, beyond 24.
        headways_min: at rush hour, by day, in the evening (from 21:00).
        delay_s: mean delay of a call outside rush hours, one value per line.
        has_stations: whether its stops are platforms of a station.
    """

    code: str
    letter: str
    route_type: int
    people_per_line: int
    least_lines: int
    spacing_m: float
    speed_kmh: float
    first_h: float
    last_h: float
    headways_min: tuple[float, float, float]
    delay_s: tuple[float, ...]
    has_stations: bool = False


@dataclass(frozen=True)
class Disruption:
    """When a line does not run: from one hour to another of the service day, on some weekdays of every week."""

    line_code: str
    weekdays: tuple[int, ...]
    from_h: float
    to_h: float
    cause: str


@dataclass(frozen=True)
class Transit:
    """Public transport.

    The delay of a call is the line's mean (times ``rush_factor`` for departures at rush hour), times a factor that
    grows linearly along the trip (mean 1), times a factor of the trip (lognormal, mean 1, ``trip_spread``), plus normal
    noise.

    Attributes:
        modes: in the order in which their lines are listed.
        paths: line code to the places on its way; the other lines are drawn.
        weekend_factors: headways on Saturdays, on Sundays and holidays.
        rush_h: rush hours of working days.
        noise_s: standard deviation of the noise.
        stadium_line, stadium_delay_s: line and additional delay of its trips that depart from ``before_h`` hours
            before the kick-off of a match to ``after_h`` after it.
        disruption: of one line; its alert is listed from ``announced_h`` before its start to ``kept_h`` after its end.
        untracked_share: trips without any observation.
        faulty_mode, faulty_share: calls of this mode with an observed delay that is hours too long.
        stays_min: how long a trip that has ended is still listed.
    """

    modes: tuple[Mode, ...]
    paths: tuple[tuple[str, tuple[tuple[float, float], ...]], ...]
    disruption: Disruption
    weekend_factors: tuple[float, float] = (1.3, 1.7)
    rush_h: tuple[tuple[float, float], ...] = ((7, 9), (16, 19))
    rush_factor: float = 2.2
    trip_spread: float = 0.5
    noise_s: float = 8
    stadium_line: str = "T1"
    stadium_delay_s: float = 420
    before_h: float = 2
    after_h: float = 3
    announced_h: float = 24
    kept_h: float = 7 * 24
    untracked_share: float = 0.03
    faulty_mode: str = "bus"
    faulty_share: float = 0.003
    stays_min: float = 20


@dataclass(frozen=True)
class Segment:
    """A group of people in the city, as a telephone operator distinguishes it.

    Attributes:
        code: its name.
        per_person: its maximum on an average day, per inhabitant.
        rhythm: share of them that is present.
        districts: district to its share of them; empty: distributed as the residents are.
        centrality: how strongly a group distributed as the residents is concentrated on the centre.
        summer: the year's swing as a share of the mean, at its top on 20 July.
    """

    code: str
    per_person: float
    rhythm: Rhythm
    districts: Mapping[str, float]
    centrality: float = 0
    summer: float = 0


@dataclass(frozen=True)
class Presence:
    """People present in each district, by the hour.

    Attributes:
        segments: the groups.
        changes: of the sums.
        spread: standard deviation of the logarithm of a sum.
        least_count: smaller sums are suppressed, except ``leaked_share`` of them.
        crowd: segment that all spectators of a match belong to, in the stadium's district from ``before_h`` hours
            before its kick-off to ``after_h`` after it.
        published_min: minute of the next day at which a day is published; kept_days: how long it is.
    """

    segments: tuple[Segment, ...]
    changes: Changes
    spread: float = 0.03
    least_count: int = 20
    leaked_share: float = 0.05
    crowd: str = "visitors"
    before_h: float = 1.5
    after_h: float = 2.5
    published_min: float = 3.5 * 60
    kept_days: int = 40


@dataclass(frozen=True)
class Mobility:
    """All parameters of mobility; see each part."""

    parking: Parking
    transit: Transit
    presence: Presence


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
    transit=Transit(
        modes=(
            Mode("metro", "M", 1, 450_000, 1, 750, 30, 5, 24.5, (5, 7, 12), (15, 25), has_stations=True),
            Mode("tram", "T", 0, 290_000, 2, 500, 18, 5, 24.5, (6, 9, 15), (40, 55, 30), has_stations=True),
            Mode("bus", "B", 3, 11_800, 6, 400, 15, 5.5, 22, (18, 24, 40), (80, 130, 55, 105, 40)),
            Mode("night bus", "N", 3, 400_000, 1, 600, 20, 24.5, 28, (60, 60, 60), (30,)),
        ),
        paths=(
            ("M1", ((-900, 4100), (0, 2000), (400, 300), (-200, -1300), (2300, -1700))),
            ("T1", ((-3900, -400), (-1700, 650), (400, 300), (3200, 2000))),
            ("T2", ((4300, -200), (1800, 400), (400, 300), (-1200, 3500))),
        ),
        disruption=Disruption("T2", (1, 4), 20, 26, "Travaux de nuit sur les voies"),
    ),
    presence=Presence(
        segments=(
            Segment("residents", 0.95, Rhythm(0.55, 1, 2, (1, 1, 1, 1, 1, 1.2, 1.3)), {}, summer=-0.06),
            Segment("visitors", 0.4, Rhythm(0.03, 1, 13, (1, 1, 1, 1, 1, 0.6, 0.35)), {}, centrality=0.6),
            Segment(
                "tourists", 0.035, Rhythm(0.3, 1, 15, (0.9, 0.9, 0.9, 0.9, 1, 1.2, 1.2)),
                {"D01": 0.4, "D02": 0.25, "D03": 0.12, "D10": 0.1, "D04": 0.08, "D05": 0.02, "D06": 0.015,
                 "D09": 0.009, "D07": 0.004, "D08": 0.002},
                summer=0.7,
            ),
        ),
        changes=Changes(late_share=0.01, corrected_share=0.01, withdrawn_share=0, twice_share=0.004),
    ),
)  # fmt: skip
"""The values of the simulated city."""
