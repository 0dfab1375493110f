"""Planted parameters of incidents: categories, rates, places.

The expected number of recorded incidents of a category on a day is
``daily_rate x season(day) x weekday(day) x population / 100,000`` (``Category.expected_counts``), before what
interventions prevent and matches add;
``world.expected`` has the complete formula. The rates sum to 82.5, or 718 a day for 870,000 people: real ones have
about 245 recorded facts (SSMSI, Marseille, 2025) and 400 to 900 entries of police logs (scaled from Portland's calls).
More happen than are recorded (see ``enforcement``). Of those that happen, the share ``branching_ratio`` are
near-repeats: each incident triggers on average that many of its own category, a whole number of days later (geometric,
half of them within ``half_life_days``) and a Gaussian ``spread_m`` away. The others are spread over the city's
background and its hotspots, which are defined for recorded incidents. Incidents that officers discover are not part of
this process: they follow the officers' presence. Form of the process: Mohler et al., "Self-exciting point process
modeling of crime" (2011); near-repeats: Bowers, Johnson and Pease (2004).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from observatory.simulator.world.draws import Floats, Integers

YEAR_DAYS = 365.25
UNIX_EPOCH_ORDINAL = 719_163
# Day 0 of the season's year and a Monday: 2024-01-01.
ORIGIN_ORDINAL = 738_886


@dataclass(frozen=True)
class Category:
    """A category of incidents.

    Attributes:
        code: the city's code.
        daily_rate: recorded incidents a day per 100,000 people, over a year.
        season_amplitude: the year's swing as a share of the mean; season_peak_day: its peak, days after 1 January.
        weekday: seven factors, Monday first, mean 1.
        peak_hour: peak of the daily rhythm; rhythm: its strength (0 = flat).
        branching_ratio: mean number of incidents that one triggers; below 1.
        half_life_days, spread_m: scale of near-repeats in time and space.
        centrality: share of the background that is in the centre rather than where people live.
        window_hours: longest time between the act and its discovery (0 = a moment).
        report_hours: mean time from discovery to report.
        descriptions: wording and its weight.
    """

    code: str
    daily_rate: float
    season_amplitude: float
    season_peak_day: int
    weekday: tuple[float, ...]
    peak_hour: float
    rhythm: float
    branching_ratio: float
    half_life_days: float
    spread_m: float
    centrality: float
    window_hours: float
    report_hours: float
    descriptions: Mapping[str, float]

    def expected_counts(self, days: Integers, population: int) -> Floats:
        """Expected recorded incidents on each day, near-repeats included, interventions and matches left out.

        Args:
            days: (n,) proleptic ordinals, as ``date.toordinal`` gives.
            population: people in the city.
        """
        since = days - ORIGIN_ORDINAL
        season = 1 + self.season_amplitude * np.cos(2 * np.pi * (since - self.season_peak_day) / YEAR_DAYS)
        return self.daily_rate * population / 100_000 * season * np.array(self.weekday)[since % 7]


@dataclass(frozen=True)
class Hotspot:
    """A place with a concentration of incidents.

    Attributes:
        name: invented.
        east_m, north_m: its centre, from the centre of the city.
        spread_m: Gaussian radius.
        shares: category code to the share of the city's background incidents that happen here.
    """

    name: str
    east_m: float
    north_m: float
    spread_m: float
    shares: Mapping[str, float]


CATEGORIES = (
    Category(
        code="VOL_SIMPLE", daily_rate=21.0, season_amplitude=0.20, season_peak_day=195,
        weekday=(0.95, 0.95, 1.00, 1.00, 1.10, 1.20, 0.80), peak_hour=16, rhythm=0.8,
        branching_ratio=0.15, half_life_days=5, spread_m=120, centrality=0.6, window_hours=2, report_hours=1.5,
        descriptions={"Vol à l'étalage": 3, "Vol à la tire": 3, "Vol de vélo": 2, "Vol d'accessoires": 2},
    ),
    Category(
        code="CAMBRIOLAGE", daily_rate=7.5, season_amplitude=0.25, season_peak_day=345,
        weekday=(1.05, 1.00, 1.00, 1.05, 1.15, 1.00, 0.75), peak_hour=14, rhythm=0.7,
        branching_ratio=0.35, half_life_days=7, spread_m=150, centrality=0.1, window_hours=6, report_hours=0.7,
        descriptions={"Cambriolage de logement": 7, "Cambriolage de local": 3},
    ),
    Category(
        code="VOL_VEHICULE", daily_rate=9.0, season_amplitude=0.10, season_peak_day=320,
        weekday=(1.05, 1.00, 1.00, 0.95, 1.00, 1.05, 0.95), peak_hour=18, rhythm=0.7,
        branching_ratio=0.30, half_life_days=5, spread_m=180, centrality=0.2, window_hours=4, report_hours=0.7,
        descriptions={"Vol de voiture": 4, "Vol de deux-roues": 3, "Vol dans un véhicule": 5},
    ),
    Category(
        code="DEGRADATION", daily_rate=13.5, season_amplitude=0.15, season_peak_day=180,
        weekday=(0.90, 0.90, 0.90, 0.95, 1.05, 1.20, 1.10), peak_hour=18, rhythm=0.6,
        branching_ratio=0.25, half_life_days=10, spread_m=120, centrality=0.3, window_hours=3, report_hours=0.7,
        descriptions={"Dégradation de véhicule": 4, "Tag, graffiti": 3, "Bris de mobilier urbain": 2},
    ),
    Category(
        code="VIOLENCES", daily_rate=9.0, season_amplitude=0.15, season_peak_day=200,
        weekday=(0.85, 0.85, 0.90, 0.95, 1.05, 1.25, 1.15), peak_hour=20, rhythm=1.0,
        branching_ratio=0.15, half_life_days=7, spread_m=120, centrality=0.5, window_hours=0, report_hours=1.0,
        descriptions={"Violences volontaires": 5, "Menaces": 3, "Rixe": 1},
    ),
    Category(
        code="VOL_AVEC_VIOLENCE", daily_rate=3.0, season_amplitude=0.15, season_peak_day=330,
        weekday=(0.90, 0.90, 0.95, 0.95, 1.05, 1.25, 1.00), peak_hour=21, rhythm=1.0,
        branching_ratio=0.25, half_life_days=7, spread_m=200, centrality=0.6, window_hours=0, report_hours=0.5,
        descriptions={"Vol à l'arraché": 4, "Vol avec menace": 2, "Vol avec arme": 1},
    ),
    Category(
        code="NUISANCE_SONORE", daily_rate=10.5, season_amplitude=0.45, season_peak_day=200,
        weekday=(0.75, 0.75, 0.80, 0.90, 1.20, 1.45, 1.15), peak_hour=22.5, rhythm=1.8,
        branching_ratio=0.20, half_life_days=14, spread_m=60, centrality=0.4, window_hours=0, report_hours=0.2,
        descriptions={"Tapage nocturne": 6, "Bruit de voisinage": 3, 'Établissement "bruyant"': 1},
    ),
    Category(
        code="DEPOT_SAUVAGE", daily_rate=6.0, season_amplitude=0.10, season_peak_day=150,
        weekday=(1.20, 1.05, 1.00, 1.00, 1.00, 0.95, 0.80), peak_hour=10, rhythm=1.0,
        branching_ratio=0.30, half_life_days=14, spread_m=80, centrality=0.1, window_hours=6, report_hours=0.5,
        descriptions={"Encombrants": 5, "Gravats": 2, "Ordures ménagères": 3},
    ),
    Category(
        code="STUPEFIANTS", daily_rate=3.0, season_amplitude=0.0, season_peak_day=0,
        weekday=(0.95, 1.05, 1.10, 1.10, 1.10, 1.00, 0.70), peak_hour=17, rhythm=0.0,
        branching_ratio=0.0, half_life_days=7, spread_m=150, centrality=0.3, window_hours=0, report_hours=0.3,
        descriptions={"Usage de stupéfiants": 7, "Cession": 2},
    ),
)  # fmt: skip

HOTSPOTS = (
    Hotspot("Gare maritime", 300, -900, 140, {"VOL_SIMPLE": 0.09, "VOL_AVEC_VIOLENCE": 0.12, "VIOLENCES": 0.05}),
    Hotspot("Vieux bassin", -350, -1500, 180, {"VOL_SIMPLE": 0.08, "VIOLENCES": 0.12, "NUISANCE_SONORE": 0.15}),
    Hotspot("Rue des Voiliers", 700, 200, 110, {"NUISANCE_SONORE": 0.12, "VIOLENCES": 0.08, "DEGRADATION": 0.06}),
    Hotspot("Galerie des Salins", 3100, 1500, 160, {"VOL_SIMPLE": 0.12, "VOL_VEHICULE": 0.05}),
    Hotspot("Cité des Amers", -2600, 2200, 200, {"VOL_VEHICULE": 0.08, "DEGRADATION": 0.08}),
    Hotspot("Parc relais du Phare", 1800, 3400, 170, {"VOL_VEHICULE": 0.12, "DEGRADATION": 0.06}),
    Hotspot("Friche du Chantier", -3900, -500, 180, {"DEPOT_SAUVAGE": 0.22}),
    Hotspot("Coteau des Pins", -600, 3900, 260, {"CAMBRIOLAGE": 0.12}),
    Hotspot("Lotissement de la Dune", 4200, -300, 260, {"CAMBRIOLAGE": 0.08, "DEPOT_SAUVAGE": 0.06}),
)  # fmt: skip
