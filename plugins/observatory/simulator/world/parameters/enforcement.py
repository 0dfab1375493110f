"""Planted parameters between what happens and what is recorded: reporting, patrols, findings.

- Of the incidents that happen in a district, the share ``reporting[district]`` is reported, independently; only
  these become records. ``Category.daily_rate`` counts records, so more happens than it states, most where least is
  reported.
- Officers spend ``minutes_per_100k`` minutes a day per 100,000 people on the ground, on average, times the factor of
  the weekday. Their visits are Poisson; one falls in a shift with the shift's share and in a cell with the cell's: the
  beats' shares around the beats' places, the rest evenly over the city. A visit is planned for ``visit_min`` minutes;
  the share ``missed_share`` does not take place, the others last between ``least_stay`` and 2 - ``least_stay`` of that.
- What officers discover (the category ``discovered``), and what they fine, is Poisson in proportion to the minutes
  spent, the same per minute everywhere: it shows where officers go, not where things happen.
- Tows are Poisson: ``Tows.per_100k`` a day, and ``per_market_100k`` from the place of each market on each of its days,
  in the two hours before it opens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Beat:
    """A place that officers go to: Gaussian around it, ``share`` of all visits."""

    name: str
    east_m: float
    north_m: float
    spread_m: float
    share: float


@dataclass(frozen=True)
class Offence:
    """An offence: code, amounts in euros and their weights, weight among citations."""

    code: str
    amounts_eur: Mapping[int, float]
    weight: float = 1.0


@dataclass(frozen=True)
class Patrols:
    """Officers' presence and findings; see the module.

    Attributes:
        minutes_per_100k: minutes on the ground a day per 100,000 people, as spent, over a week.
        weekday: seven factors, Monday first, mean 1.
        shifts: code to share; a shift is a third of the local day, in order from midnight.
        beats: where officers go more than elsewhere.
        visit_min: minutes planned for one visit of a cell.
        missed_share, least_stay: how the minutes spent differ from those planned.
        discovered: category code of what officers find.
        citations_per_minute: citations per minute spent.
        offences: those of the citations.
    """

    minutes_per_100k: float
    weekday: tuple[float, ...]
    shifts: Mapping[str, float]
    beats: tuple[Beat, ...]
    visit_min: float
    missed_share: float
    least_stay: float
    discovered: str
    citations_per_minute: float
    offences: tuple[Offence, ...]


@dataclass(frozen=True)
class Tows:
    """Vehicles towed, per 100,000 people; motive and class of vehicle to weight.

    Attributes:
        per_100k: a day, without markets.
        per_market_100k: for each day of each market, with the motive ``market_motive``.
        motives, vehicles: weights.
        downtown_share: share towed downtown; the others are spread evenly over the city.
    """

    per_100k: float
    per_market_100k: float
    market_motive: str
    motives: Mapping[str, float]
    vehicles: Mapping[str, float]
    downtown_share: float


REPORTING: Mapping[str, float] = {
    "D01": 0.90, "D02": 0.85, "D03": 0.70, "D04": 0.85, "D05": 0.80,
    "D06": 0.90, "D07": 0.85, "D08": 0.60, "D09": 0.65, "D10": 0.80,
}  # fmt: skip

PATROLS = Patrols(
    minutes_per_100k=6_000,
    weekday=(0.95, 1.05, 1.10, 1.10, 1.10, 1.00, 0.70),
    shifts={"NUIT": 0.2, "JOUR": 0.45, "SOIR": 0.35},
    beats=(
        Beat("Cité des Amers", -2600, 2200, 250, 0.25),
        Beat("Friche du Chantier", -3900, -500, 200, 0.08),
        Beat("Vieux bassin", -350, -1500, 400, 0.17),
        Beat("Rue des Voiliers", 700, 200, 500, 0.15),
    ),
    visit_min=45,
    missed_share=0.05,
    least_stay=0.6,
    discovered="STUPEFIANTS",
    citations_per_minute=0.05,
    offences=(
        Offence("STATIONNEMENT_GENANT", {35: 0.7, 135: 0.3}, 0.62),
        Offence("STATIONNEMENT_DANGEREUX", {135: 1.0}, 0.08),
        Offence("CIRCULATION", {90: 0.6, 135: 0.4}, 0.15),
        Offence("DEPOT_ORDURES", {135: 1.0}, 0.07),
        Offence("TAPAGE", {68: 1.0}, 0.05),
        Offence("CHIEN_NON_TENU", {35: 1.0}, 0.03),
    ),
)

TOWS = Tows(
    per_100k=9.0,
    per_market_100k=0.5,
    market_motive="MARCHE",
    motives={"STATIONNEMENT_GENANT": 0.62, "STATIONNEMENT_ABUSIF": 0.2, "EPAVE": 0.1, "VOITURE_VENTOUSE": 0.08},
    vehicles={"VP": 0.8, "2RM": 0.1, "VU": 0.1},
    downtown_share=0.4,
)
