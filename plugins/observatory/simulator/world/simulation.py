"""Identity of a simulated city: equal simulations give equal records, for any spans requested in any order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from observatory.simulator.world.parameters import PLANTED, Parameters

TIMEZONE = "Europe/Paris"
FIRST_DAY = date(2021, 1, 1)
POPULATION = 200_000


@dataclass(frozen=True)
class Simulation:
    """One history of the city.

    Attributes:
        seed: another seed is another history of the same city.
        population: people in the city; volumes grow with it.
        first_day: first local day of its history.
        parameters: what is planted.
    """

    seed: int = 1
    population: int = POPULATION
    first_day: date = FIRST_DAY
    parameters: Parameters = PLANTED
