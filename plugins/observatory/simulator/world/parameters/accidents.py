"""Planted parameters of road accidents with injury.

Accidents of an hour are Poisson with the mean
``rate x population / 100,000 x weekday x hours / 24 x (rain_factor if it rains)``, where the factors of the week and of
the day have the mean 1. The shares of ``crossings`` happen at these; the others where people go. The severity is
drawn for each person independently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from observatory.simulator.world.draws import Floats


@dataclass(frozen=True)
class Crossing:
    """A dangerous crossing: where it is from the city's centre, and its share of all accidents."""

    name: str
    east_m: float
    north_m: float
    share: float
    spread_m: float = 60.0


@dataclass(frozen=True)
class Accidents:
    """All parameters of accidents; see the module.

    Attributes:
        rate: accidents a day per 100,000 people, if it never rained.
        hours: 24 factors of the local hour; weekday: seven, Monday first; their means are 1.
        vehicles, more_people: number of vehicles, and of people beyond one per vehicle, to weights.
        severities: code of BAAC to weight (1 unhurt, 2 killed, 3 hospitalised, 4 slightly hurt); at least one is hurt.
        ages: column of the contract's class of age to weight; unknown_age_share: people without a year of birth.
        collisions: code to weight.
        unlocated_share: accidents without a place.
        first_year: of the tables; published: month and day of the next year on which a year's tables are published.
    """

    crossings: tuple[Crossing, ...]
    rate: float
    rain_factor: float
    hours: tuple[float, ...]
    weekday: tuple[float, ...]
    vehicles: Mapping[int, float]
    more_people: Mapping[int, float]
    severities: Mapping[int, float]
    ages: Mapping[str, float]
    collisions: Mapping[str, float]
    unknown_age_share: float = 0.02
    unlocated_share: float = 0.02
    centrality: float = 0.4
    first_year: int = 2019
    published: tuple[int, int] = (6, 1)

    def published_on(self, year: int) -> date:
        """The day on which the tables of a year are published."""
        return date(year + 1, *self.published)

    def weights(self, background: Floats, around: list[Floats]) -> list[Floats]:
        """Where accidents happen, by address: at each crossing, then elsewhere; each sums to its share."""
        at_crossings = [each.share * here for each, here in zip(self.crossings, around, strict=True)]
        return [*at_crossings, (1 - sum(each.share for each in self.crossings)) * background]


ACCIDENTS = Accidents(
    crossings=(
        Crossing("Rond-point des Docks", 2500, -1000, 0.06),
        Crossing("Carrefour du Môle", -1700, 900, 0.05),
        Crossing("Place du Phare", 900, 2500, 0.04),
        Crossing("Carrefour de la Rocade", 2200, 1200, 0.04),
    ),
    rate=0.56,
    rain_factor=1.7,
    hours=(0.4, 0.3, 0.25, 0.2, 0.2, 0.35, 0.7, 1.3, 1.7, 1.2, 1.0, 1.1, 1.3, 1.2, 1.2, 1.3, 1.6, 2.0, 2.0, 1.6, 1.1,
           0.8, 0.7, 0.5),
    weekday=(1.0, 1.05, 1.05, 1.05, 1.15, 0.95, 0.75),
    vehicles={1: 0.35, 2: 0.55, 3: 0.1},
    more_people={0: 0.6, 1: 0.25, 2: 0.1, 3: 0.05},
    severities={1: 0.42, 2: 0.006, 3: 0.124, 4: 0.45},
    ages={"aged_0_14_count": 0.06, "aged_15_24_count": 0.24, "aged_25_64_count": 0.58, "aged_65_plus_count": 0.12},
    collisions={"1": 0.1, "2": 0.15, "3": 0.35, "4": 0.05, "6": 0.25, "7": 0.1},
)  # fmt: skip
