"""Planted parameters of city services and residents' messages: volumes, delays, rates, faults and late changes.

Rates are per 100,000 people and day unless their name says otherwise; districts are named by their codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from observatory.simulator.world.draws import Floats
from observatory.simulator.world.parameters.messages import MESSAGES, Messages

DISTRICTS = tuple(f"D{number:02d}" for number in range(1, 11))


@dataclass(frozen=True)
class Changes:
    """What happens to records after they are entered, and what is wrong with them.

    Attributes:
        late_share: shown days after the others; corrected_share: shown with a mistake first; withdrawn_share: shown no
            longer after some days; twice_share: listed twice; faulty_share: that break their contract.
        last_change_days: within which late, corrected and withdrawn records are.
    """

    late_share: float = 0.03
    corrected_share: float = 0.02
    withdrawn_share: float = 0.004
    twice_share: float = 0.005
    faulty_share: float = 0.002
    last_change_days: int = 10


@dataclass(frozen=True)
class Reports:
    """Reports of residents.

    Attributes:
        rate: reports a day if everything were reported; ``Parameters.reporting`` is the reported share by district.
        services: service code to its share and its median days until it is closed.
        closing_factors: by district, factor of the median days.
        never_closed_share: reports that stay open.
        personal_share: descriptions with a personal span.
    """

    rate: float
    services: Mapping[str, tuple[float, float]]
    closing_factors: Mapping[str, float]
    never_closed_share: float = 0.04
    personal_share: float = 0.03
    changes: Changes = Changes()


@dataclass(frozen=True)
class FireBrigade:
    """Operations of the fire brigade.

    Attributes:
        natures: nature code to its rate and its mean minutes on the spot.
        response_min: by district, median minutes from departure to arrival.
        response_spread: standard deviation of its logarithm.
        disordered_share: arrived before departed; slow_share: arrived more than an hour after the call. Both break the
            contract.
    """

    natures: Mapping[str, tuple[float, float]]
    response_min: Mapping[str, float]
    response_spread: float = 0.35
    disordered_share: float = 0.003
    slow_share: float = 0.003
    changes: Changes = Changes(late_share=0.02, corrected_share=0.01, faulty_share=0.006)


@dataclass(frozen=True)
class Hospital:
    """Visits to emergency wards, by class of age (``0`` is all ages) and reason.

    Attributes:
        rate: visits.
        people_per_establishment: people per establishment; the city has at least one.
        motives, ages: shares.
        winter: the year's swing as a share of the mean, at its top on 15 January.
    """

    rate: float
    motives: Mapping[str, float]
    ages: Mapping[str, float]
    people_per_establishment: int = 200_000
    winter: float = 0.12
    changes: Changes = Changes(late_share=0.02, corrected_share=0.03, withdrawn_share=0, faulty_share=0)


@dataclass(frozen=True)
class Indicator:
    """A line of the yearly statistics: its rate is of recorded facts a year per 1,000 people."""

    code: str
    unit: str
    rate_per_1000: float


@dataclass(frozen=True)
class Statistics:
    """Yearly statistics of the city and its neighbours.

    Attributes:
        zones: code to its people as a share of the city's.
        first_year: of every edition; the edition of a year has all years before it and comes on 10 July.
        least_published: counts below it are not published.
        growth: relative increase of the counts from year to year.
        first_edition_share: share of a year's final count that its first edition has.
    """

    indicators: tuple[Indicator, ...]
    zones: Mapping[str, float]
    first_year: int = 2016
    least_published: int = 5
    growth: float = 0.01
    first_edition_share: float = 0.985


@dataclass(frozen=True)
class Works:
    """Public works.

    Attributes:
        rate: works that begin.
        natures: nature code to its share and its mean days.
        open_ended_share: works whose end is published only when they are over.
        extended_share: works whose planned end is moved; cancelled_share: works that are cancelled before they begin.
        shown_after_days: days that a finished work is still listed.
    """

    rate: float
    natures: Mapping[str, tuple[float, float]]
    open_ended_share: float = 0.15
    extended_share: float = 0.15
    cancelled_share: float = 0.02
    closed_road_share: float = 0.2
    shown_after_days: int = 14


@dataclass(frozen=True)
class Lights:
    """Street lights: outages and their median days until the repair, by district."""

    rate: float
    repair_days: Mapping[str, float]
    never_repaired_share: float = 0.02
    changes: Changes = Changes(late_share=0.02, corrected_share=0.0, withdrawn_share=0.005, faulty_share=0)


@dataclass(frozen=True)
class Vending:
    """Vending in the street without a permit, around the markets of ``Gatherings``.

    Attributes:
        rate: sightings at a market on a day when it is held.
        sellers_per_stall: mean count of a sighting on such a day, per stall of the market.
        idle_factor: factor of both on the other days of the week.
        spread_m: Gaussian radius around the market.
        goods: market to the classes of goods and their weights.
    """

    rate: float
    sellers_per_stall: float
    idle_factor: float
    spread_m: float
    goods: Mapping[str, Mapping[str, float]]
    changes: Changes = Changes(corrected_share=0.01)

    def factors(self, is_held: npt.NDArray[np.bool_]) -> Floats:
        """1 where a market is held, else the idle factor."""
        return np.where(is_held, 1.0, self.idle_factor)


@dataclass(frozen=True)
class Places:
    """Sensitive places and pitches, per 100,000 people.

    Attributes:
        kinds: type to number; town_share: schools of which only the town is known; shared_point_share: schools that
            stand at the point of another; opening_share, closing_share: those that open or close in the years
            simulated.
    """

    kinds: Mapping[str, float]
    pitches: Mapping[str, float]
    town_share: float = 0.06
    shared_point_share: float = 0.1
    opening_share: float = 0.05
    closing_share: float = 0.03


@dataclass(frozen=True)
class Services:
    """All parameters of services and messages; see each part."""

    messages: Messages
    reports: Reports
    fire: FireBrigade
    hospital: Hospital
    statistics: Statistics
    works: Works
    lights: Lights
    places: Places
    vending: Vending


SERVICES = Services(
    messages=MESSAGES,
    reports=Reports(
        rate=65,
        services={
            "TAG": (0.14, 4.0), "DEPOT": (0.34, 2.0), "ECLAIRAGE": (0.10, 9.0), "VOIRIE": (0.20, 15.0),
            "BRUIT": (0.10, 1.0), "EPAVE": (0.12, 12.0),
        },
        closing_factors=dict(zip(DISTRICTS, (0.8, 0.7, 1.0, 0.9, 1.0, 0.9, 1.1, 1.8, 1.4, 1.2), strict=True)),
    ),
    fire=FireBrigade(
        natures={"SAP": (31.0, 45), "INCENDIE": (2.4, 75), "AVP": (2.6, 50), "OPD": (4.0, 40)},
        response_min=dict(zip(DISTRICTS, (6.0, 5.5, 7.0, 9.0, 8.0, 10.0, 9.0, 8.5, 7.5, 7.0), strict=True)),
    ),
    hospital=Hospital(
        rate=82,
        motives={"AUTRE": 0.55, "TRAUMA": 0.35, "ALCOOL": 0.06, "AGRESSION": 0.04},
        ages={"00-14": 0.25, "15-64": 0.55, "65+": 0.20},
    ),
    statistics=Statistics(
        indicators=(
            Indicator("Cambriolages de logement", "Infraction", 4.2), Indicator("Vols de véhicules", "Véhicule", 3.1),
            Indicator("Vols dans les véhicules", "Véhicule", 6.0),
            Indicator("Vols sans violence", "Victime entendue", 16),
            Indicator("Vols violents sans arme", "Infraction", 1.5), Indicator("Vols avec armes", "Infraction", 0.16),
            Indicator("Destructions et dégradations", "Infraction", 9.5),
            Indicator("Usage de stupéfiants", "Mis en cause", 5),
            Indicator("Trafic de stupéfiants", "Mis en cause", 1.1), Indicator("Escroqueries", "Victime", 6.2),
            Indicator("Violences physiques hors cadre familial", "Victime", 3.4),
            Indicator("Violences physiques intrafamiliales", "Victime", 3.0),
        ),
        zones={"99001": 1.0, "99002": 0.06, "99003": 0.01},
    ),
    works=Works(
        rate=4.5,
        natures={
            "roadworks": (0.35, 12), "waterMainWork": (0.2, 8), "gasMainWork": (0.12, 8), "telecom": (0.18, 3),
            "constructionWork": (0.15, 60),
        },
    ),
    lights=Lights(
        rate=6,
        repair_days=dict(zip(DISTRICTS, (4.0, 3.0, 6.0, 7.0, 6.0, 8.0, 7.0, 14.0, 12.0, 8.0), strict=True)),
    ),
    places=Places(
        kinds={"school": 22, "college": 6, "lycee": 4, "church": 9, "mosque": 4, "synagogue": 1.5, "temple": 2},
        pitches={"market": 3, "terrace": 40, "kiosk": 9, "food_truck": 4},
    ),
    vending=Vending(
        rate=1.8,
        sellers_per_stall=0.2,
        idle_factor=0.3,
        spread_m=90,
        goods={
            "M01": {"accessories": 5, "clothing": 3, "food": 1}, "M02": {"accessories": 3, "phones": 2, "clothing": 3},
            "M03": {"second_hand": 4, "food": 2}, "M04": {"second_hand": 6, "clothing": 3, "food": 2},
            "M05": {"cigarettes": 6, "phones": 2, "food": 1}, "M06": {"food": 5, "accessories": 2},
        },
    ),
)  # fmt: skip
"""The values of the simulated city."""
