"""Planted parameters of gatherings: markets, matches and the incidents they add, other events.

On every match that is played, each category of ``Matches.extra_per_100k`` gains that many recorded incidents per
100,000 people on average (Poisson), a Gaussian ``spread_m`` around the stadium and evenly from ``before_h`` hours
before kick-off to ``after_h`` hours after it. They come on top of the day's other incidents and trigger none.
Markets and other events add no incident.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from observatory.simulator.world.draws import Floats, Integers
from observatory.simulator.world.parameters.incidents import ORIGIN_ORDINAL, UNIX_EPOCH_ORDINAL


@dataclass(frozen=True)
class Market:
    """A market in the street, each week on the same days.

    Attributes:
        code: the city's code.
        name: invented.
        east_m, north_m: its centre, from the centre of the city.
        weekdays: days of the week, Monday 0.
        opens_h, closes_h: hours of the local clock.
        stalls: pitches taken.
    """

    code: str
    name: str
    east_m: float
    north_m: float
    weekdays: tuple[int, ...]
    opens_h: int
    closes_h: int
    stalls: int

    def is_held(self, days: Integers) -> npt.NDArray[np.bool_]:
        """Whether the market is held, per proleptic ordinal."""
        return np.isin((days - ORIGIN_ORDINAL) % 7, self.weekdays)


@dataclass(frozen=True)
class Matches:
    """Home matches of the city's club.

    A match is due on the Saturday of every second week and on the Wednesday of every sixth, except in the close season.

    Attributes:
        place_name, east_m, north_m: the stadium, from the centre of the city.
        close_season: first and last month without matches.
        kick_offs_h: hours of the local clock, in turn from match week to match week.
        attendance_per_100k: spectators in a full stadium, per 100,000 people of the city.
        least_fill: share of seats taken at the emptiest match; others lie evenly between it and 1.
        moved_share, moved_h: share of matches whose kick-off is moved late, and by how many hours (earlier).
        cancelled_share: share of matches cancelled about a day before.
        extra_per_100k: category code to recorded incidents that a match adds, per 100,000 people of the city.
        spread_m: Gaussian radius of these incidents around the stadium.
        before_h, after_h: hours around the kick-off in which they happen.
    """

    place_name: str
    east_m: float
    north_m: float
    close_season: tuple[int, int]
    kick_offs_h: tuple[float, ...]
    attendance_per_100k: float
    least_fill: float
    moved_share: float
    moved_h: float
    cancelled_share: float
    extra_per_100k: Mapping[str, float]
    spread_m: float
    before_h: float
    after_h: float

    def is_due(self, days: Integers) -> npt.NDArray[np.bool_]:
        """Whether a match is due, per proleptic ordinal."""
        week, weekday = (days - ORIGIN_ORDINAL) // 7, (days - ORIGIN_ORDINAL) % 7
        month = (days - UNIX_EPOCH_ORDINAL).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12 + 1
        is_played = (month < self.close_season[0]) | (month > self.close_season[1])
        return is_played & (((weekday == 5) & (week % 2 == 0)) | ((weekday == 2) & (week % 6 == 3)))

    def kick_off_h(self, days: Integers) -> Floats:
        """Planned kick-off, local hour, per proleptic ordinal."""
        return np.array(self.kick_offs_h)[(days - ORIGIN_ORDINAL) // 14 % len(self.kick_offs_h)]


@dataclass(frozen=True)
class Venue:
    """A place of other events: their ``category``, number of ``seats``, and ``weight`` among all venues."""

    name: str
    east_m: float
    north_m: float
    category: str
    seats: int
    weight: float


@dataclass(frozen=True)
class Gatherings:
    """All gatherings; ``events_per_100k`` is the number of venue events a day per 100,000 people of the city."""

    markets: tuple[Market, ...]
    matches: Matches
    venues: tuple[Venue, ...]
    events_per_100k: float
    events_cancelled_share: float


MARKETS = (
    Market("M01", "Marché du Vieux-Port", -300, -1150, (1, 3, 5), 7, 13, 90),
    Market("M02", "Marché du Centre", 550, 500, (0, 2, 4, 5), 7, 13, 60),
    Market("M03", "Marché des Docks", 2250, -1500, (2, 6), 8, 14, 45),
    Market("M04", "Marché des Salins", 3250, 2150, (1, 4), 7, 13, 50),
    Market("M05", "Marché des Amers", -3100, 2300, (3, 6), 7, 14, 70),
    Market("M06", "Marché de nuit de l'Estacade", -2500, -2200, (4,), 17, 22, 35),
)

MATCHES = Matches(
    place_name="Stade du Môle",
    east_m=-1700,
    north_m=700,
    close_season=(6, 7),
    kick_offs_h=(15, 17, 20.75),
    attendance_per_100k=7_000,
    least_fill=0.6,
    moved_share=0.15,
    moved_h=2,
    cancelled_share=0.05,
    extra_per_100k={"VIOLENCES": 4.5, "VOL_SIMPLE": 6.0, "NUISANCE_SONORE": 3.0, "DEGRADATION": 2.4},
    spread_m=350,
    before_h=2,
    after_h=3,
)

GATHERINGS = Gatherings(
    markets=MARKETS,
    matches=MATCHES,
    venues=(
        Venue("La Criée", -250, -1350, "concert", 900, 3),
        Venue("Théâtre de la Rade", 250, -300, "theatre", 600, 3),
        Venue("Halle des Docks", 2200, -1800, "concert", 4_000, 1),
        Venue("Musée du Large", 100, -750, "exhibition", 300, 4),
        Venue("Médiathèque du Phare", 1300, 3700, "workshop", 80, 4),
        Venue("Gymnase des Pins", -1000, 3500, "sport", 500, 3),
        Venue("Place du Centre", 420, 330, "festival", 5_000, 1),
    ),
    events_per_100k=8,
    events_cancelled_share=0.03,
)
