"""Schools and places of worship; some schools have only a town, and some share the point of another."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import choose, combine, name_key, ordinals, uniform
from observatory.simulator.world.occurrences import chance, homes, place
from observatory.simulator.world.simulation import Simulation

SCHOOLS = ("school", "college", "lycee")
_NAMES = (
    "des Pins",
    "du Phare",
    "des Amers",
    "du Môle",
    "des Voiliers",
    "de la Dune",
    "du Large",
    "des Salins",
    "du Quai",
)
_TITLES = {
    "school": "École", "college": "Collège", "lycee": "Lycée", "church": "Église", "mosque": "Mosquée",
    "synagogue": "Synagogue", "temple": "Temple",
}  # fmt: skip
_YEARS_SIMULATED = 6


def versions(simulation: Simulation, _: date, __: date) -> pl.DataFrame:
    """Every place; see ``observatory.simulator.records``. A place with only a town has no point."""
    places = simulation.parameters.services.places
    kinds = [*places.kinds]
    counts = np.round(np.array([*places.kinds.values()]) * simulation.population / 100_000).astype(np.int64)
    kind = np.repeat(np.arange(len(kinds)), counts)
    number = ordinals(counts)
    kind_keys = np.array([name_key(each) for each in kinds])
    key = combine(combine(combine(name_key("sensitive_place"), simulation.seed), kind_keys[kind]), number)
    weights = homes(0.1)[1]
    address = choose(key, "address", np.zeros(len(key), np.int64), weights[None, :])
    codes = np.array(kinds)[kind]
    is_school = np.isin(codes, SCHOOLS)
    shares_point = is_school & (number > 0) & chance(key, "shared point", places.shared_point_share)
    address = np.where(shares_point, np.roll(address, 1), address)
    is_town = is_school & chance(key, "town", places.town_share)
    span = _YEARS_SIMULATED * 365
    opened = simulation.first_day.toordinal() + np.where(
        chance(key, "opening", places.opening_share),
        uniform(key, "opened") * span,
        -365 - uniform(key, "opened") * 9_000,
    ).astype(np.int64)
    is_closing = chance(key, "closing", places.closing_share)
    closed = simulation.first_day.toordinal() + (uniform(key, "closed") * span).astype(np.int64)
    closed_at = moments(closed, np.zeros(len(key))).set(pl.Series(~is_closing | (closed <= opened + 1)), None)
    opened_at = moments(opened, np.zeros(len(key)))
    title = np.array([_TITLES[each] for each in kinds])[kind]
    name = np.array(_NAMES)[(uniform(key, "name") * len(_NAMES)).astype(int)]
    stands = place(address)
    return pl.DataFrame(
        {
            "source_record_id": np.char.add(np.char.add(codes, "-"), np.char.zfill((number + 1).astype(str), 4)),
            "occurred_from": opened_at,
            "occurred_to": closed_at,
            "place_type": codes,
            "place_name": np.char.add(np.char.add(title, " "), name),
            "location_method": np.where(is_town, "none", "address"),
            **{name: values.set(pl.Series(is_town), None) for name, values in stands.items()},
            "shown_from": opened_at,
            "shown_until": closed_at,
        }
    ).sort("source_record_id")
