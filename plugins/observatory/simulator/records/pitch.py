"""Markets and pitches granted in public space; a pitch is granted again after three years."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import choose, combine, name_key, ordinals, uniform
from observatory.simulator.world.occurrences import DAY_MIN, chance, homes, later, place
from observatory.simulator.world.simulation import Simulation

_NAMES = ("du Quai", "des Salins", "du Phare", "de la Dune", "des Voiliers", "du Môle")
_DAYS = ("mardi, jeudi, samedi", "mercredi, samedi", "dimanche", "tous les jours")
_MEAN_AREA_M2 = {"market": 1_200.0, "terrace": 22.0, "kiosk": 9.0, "food_truck": 14.0}
_STALLS = 40
_GRANTED_DAYS = 3 * 365
_TERMS = 4


def versions(simulation: Simulation, _: date, __: date) -> pl.DataFrame:
    """Every pitch; see ``observatory.simulator.records``. Markets have no end, other pitches last three years."""
    places = simulation.parameters.services.places
    kinds = [*places.pitches]
    counts = np.round(np.array([*places.pitches.values()]) * simulation.population / 100_000).astype(np.int64)
    terms = np.where(np.array(kinds) == "market", 1, _TERMS)
    kind = np.repeat(np.arange(len(kinds)), counts * terms)
    number, term = np.divmod(ordinals(counts * terms), terms[kind])
    kind_keys = np.array([name_key(each) for each in kinds])
    key = combine(combine(combine(name_key("pitch"), simulation.seed), kind_keys[kind]), number)
    weights = homes(0.5)[1]
    address = choose(key, "address", np.zeros(len(key), np.int64), weights[None, :])
    codes = np.array(kinds)[kind]
    is_market = codes == "market"
    since = ((uniform(key, "granted") + term - 1) * _GRANTED_DAYS).astype(np.int64)
    granted = simulation.first_day.toordinal() + np.where(is_market, -365, since)
    granted_at, until_at = (moments(day, np.zeros(len(key))) for day in (granted, granted + _GRANTED_DAYS))
    until_at = until_at.set(pl.Series(is_market), None)
    area = np.array([_MEAN_AREA_M2[each] for each in kinds])[kind] * (0.5 + uniform(key, "area"))
    name = np.array(_NAMES)[(uniform(key, "name") * len(_NAMES)).astype(int)]
    days = np.array(_DAYS)[(uniform(key, "days") * len(_DAYS)).astype(int)]
    stalls = pl.Series((_STALLS * (0.5 + uniform(key, "stalls"))).astype(np.int64))
    place_number = np.char.add(np.char.add(codes, "-"), np.char.zfill((number + 1).astype(str), 4))
    return pl.DataFrame(
        {
            "source_record_id": np.char.add(np.char.add(place_number, "-"), (term + 1).astype(str)),
            "occurred_from": granted_at,
            "occurred_to": until_at,
            "pitch_type": codes,
            "place_name": pl.Series(np.char.add("Marché ", name)).set(pl.Series(~is_market), None),
            "opening_days": days,
            "stall_count": stalls.set(pl.Series(~is_market), None),
            "area_m2": area.round(1),
            **place(address),
            "shown_from": _listed_from(granted_at, chance(key, "late", 0.05)),
            "shown_until": until_at,
        }
    ).sort("source_record_id")


def _listed_from(granted_at: pl.Series, is_late: np.ndarray) -> pl.Series:
    """Pitches are listed from the day they are granted, some a month later."""
    return later(granted_at, np.where(is_late, 30.0 * DAY_MIN, 0.0))
