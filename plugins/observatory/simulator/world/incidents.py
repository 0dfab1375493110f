"""The marked self-exciting process that makes the simulated city's incidents, generation by generation.

Background incidents come first, then what they trigger, then what those trigger, until none is left: the cluster
construction of a Hawkes process (Hawkes and Oakes, 1974), in days. Every generation is one set of arrays. Then
interventions prevent or move some, and the incidents of matches and those that officers discover are added.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
from scipy.signal import lfilter
from scipy.spatial import cKDTree
from scipy.special import ndtri

from observatory.simulator.world import patrols
from observatory.simulator.world.city import City, build_city
from observatory.simulator.world.draws import (
    Floats,
    Integers,
    Keys,
    choose,
    combine,
    name_key,
    ordinals,
    poisson,
    uniform,
)
from observatory.simulator.world.gatherings import fixtures
from observatory.simulator.world.interventions import meet
from observatory.simulator.world.parameters import Parameters
from observatory.simulator.world.simulation import Simulation

# Warm-up before the first day, so that it has its near-repeats: many half-lives of the slowest category.
# No cluster lasts longer, so that the incidents of a day do not depend on where the simulation starts.
_WARM_UP_DAYS = 150
# Start of the sum over earlier days (2000-01-01), so that a day's rate is the same in every run.
_RECKONED_FROM = 730_120


@dataclass(frozen=True)
class Events:
    """Incidents as arrays of one length.

    Attributes:
        key: what each one's further draws depend on.
        day: proleptic ordinal.
        minute: of the local day.
        category: index into the categories of the parameters.
        address: index into the city's addresses.
        generation: 0 for background, otherwise one more than that of its trigger.
        cluster_day: day of the background incident at the root of its cluster.
    """

    key: Keys
    day: Integers
    minute: Integers
    category: Integers
    address: Integers
    generation: Integers
    cluster_day: Integers

    def __len__(self) -> int:
        """Number of incidents."""
        return len(self.key)

    def where(self, chosen: np.ndarray) -> Events:
        """The chosen ones (mask or positions)."""
        return Events(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def happen(simulation: Simulation, first_day: date, end_day: date) -> Events:
    """Simulate the incidents of the local days ``[first_day, end_day)``, reported or not.

    The incidents of a day depend on neither end of the span.
    """
    parameters, city = simulation.parameters, build_city()
    days = np.arange((first_day - timedelta(days=_WARM_UP_DAYS)).toordinal(), end_day.toordinal())
    generation = _background(simulation, days, city)
    index = cKDTree(city.addresses)
    generations = []
    while len(generation):
        generations.append(generation)
        generation = _triggered(generation, end_day.toordinal(), parameters, city, index)
    ordinary = _joined(generations)
    ordinary = ordinary.where(ordinary.day >= first_day.toordinal())
    happens, address = meet(
        ordinary.key, ordinary.day, ordinary.category, ordinary.address, parameters=parameters, city=city
    )
    everything = [
        replace(ordinary, address=address).where(happens),
        _at_matches(simulation, first_day, end_day, city),
        _discovered(simulation, first_day, end_day),
    ]
    return _joined(everything)


def is_reported(events: Events, parameters: Parameters, city: City) -> np.ndarray:
    """(n,) whether each becomes a record: the share of its district, and all that officers discover."""
    is_found = np.array([code == parameters.patrols.discovered for code in parameters.codes])[events.category]
    return is_found | (uniform(events.key, "reported") < city.reporting(parameters)[events.address])


def background_rate(days: Integers, population: int, parameters: Parameters) -> Floats:
    """(categories, days) expected recorded background: the expected total minus the near-repeats of earlier days."""
    reckoned = np.arange(min(_RECKONED_FROM, days[0]), days[-1] + 1)
    rates = []
    for category in parameters.categories:
        expected = category.expected_counts(reckoned, population)
        decay = 0.5 ** (1 / category.half_life_days)
        # expected near-repeats of day d: sum over k >= 1 of (1 - decay) decay^(k-1) expected[d - k]
        steady = np.array([category.daily_rate * population / 100_000])
        repeats, _ = lfilter([0, 1 - decay], [1, -decay], expected, zi=steady)
        rates.append(expected - category.branching_ratio * repeats)
    return np.array(rates)[:, days - reckoned[0]]


def _background(simulation: Simulation, days: Integers, city: City) -> Events:
    parameters = simulation.parameters
    is_found = np.array([code == parameters.patrols.discovered for code in parameters.codes])
    # divided by the reported share, so that the recorded incidents follow the city's weights
    weights = city.weights(parameters) / city.reporting(parameters)
    rates = background_rate(days, simulation.population, parameters) * (weights.sum(axis=1) * ~is_found)[:, None]
    categories = np.array([name_key(code) for code in parameters.codes])
    keys = combine(combine(combine(name_key("city"), simulation.seed), categories)[:, None], days[None, :])
    counts = poisson(keys, "count", rates).ravel()
    category = np.repeat(np.arange(len(categories)), counts.reshape(rates.shape).sum(axis=1))
    key = combine(np.repeat(keys.ravel(), counts), ordinals(counts))
    day = np.repeat(np.tile(days, len(categories)), counts)
    return Events(
        key=key,
        day=day,
        minute=_minutes_of_day(key, category, parameters),
        category=category,
        address=choose(key, "address", category, weights),
        generation=np.zeros(len(key), np.int64),
        cluster_day=day,
    )


def _triggered(parents: Events, end_ordinal: int, parameters: Parameters, city: City, index: cKDTree) -> Events:
    ratio = np.array([category.branching_ratio for category in parameters.categories])
    spread = np.array([category.spread_m for category in parameters.categories])
    log_decay = np.log(0.5) / np.array([category.half_life_days for category in parameters.categories])
    counts = poisson(parents.key, "children", ratio[parents.category])
    parent = np.repeat(np.arange(len(parents)), counts)
    key = combine(combine(parents.key[parent], name_key("child")), ordinals(counts))
    category = parents.category[parent]
    delay = 1 + np.floor(np.log(uniform(key, "delay")) / log_decay[category]).astype(np.int64)
    shift = np.column_stack([ndtri(uniform(key, "east")), ndtri(uniform(key, "north"))]) * spread[category, None]
    _, address = index.query(city.addresses[parents.address[parent]] + shift)
    children = Events(
        key=key,
        day=parents.day[parent] + delay,
        minute=_minutes_of_day(key, category, parameters),
        category=category,
        address=address.astype(np.int64),
        generation=parents.generation[parent] + 1,
        cluster_day=parents.cluster_day[parent],
    )
    return children.where((children.day < end_ordinal) & (children.day - children.cluster_day <= _WARM_UP_DAYS))


def _at_matches(simulation: Simulation, first_day: date, end_day: date, city: City) -> Events:
    parameters, matches = simulation.parameters, simulation.parameters.gatherings.matches
    played = fixtures(simulation, first_day, end_day)
    extra = np.array([matches.extra_per_100k.get(code, 0.0) for code in parameters.codes])
    places = city.around(matches.east_m, matches.north_m, matches.spread_m) / city.reporting(parameters)
    mean = extra[:, None] * simulation.population / 100_000 * places.sum() * ~played.is_cancelled[None, :]
    keys = combine(np.array([name_key(code) for code in parameters.codes])[:, None], played.key[None, :])
    counts = poisson(keys, "count", mean).ravel()
    key = combine(np.repeat(keys.ravel(), counts), ordinals(counts))
    category, match = np.divmod(np.repeat(np.arange(keys.size), counts), max(len(played.day), 1))
    since_kick_off = (matches.before_h + matches.after_h) * uniform(key, "minute") - matches.before_h
    day = played.day[match]
    return Events(
        key=key,
        day=day,
        minute=np.floor(played.minute[match] + since_kick_off * 60).astype(np.int64),
        category=category,
        address=choose(key, "address", np.zeros(len(key), np.int64), places[None, :]),
        generation=np.zeros(len(key), np.int64),
        cluster_day=day,
    )


def _discovered(simulation: Simulation, first_day: date, end_day: date) -> Events:
    parameters = simulation.parameters
    rates = {category.code: category.daily_rate for category in parameters.categories}
    per_minute = rates.get(parameters.patrols.discovered, 0.0) / parameters.patrols.minutes_per_100k
    made = patrols.visits(simulation, first_day, end_day)
    found = patrols.findings(made, "discovery", per_minute)
    index = parameters.codes.index(parameters.patrols.discovered) if per_minute else 0
    return Events(
        key=found.key,
        day=found.day,
        minute=found.minute,
        category=np.full(len(found.key), index),
        address=found.address,
        generation=np.zeros(len(found.key), np.int64),
        cluster_day=found.day,
    )


def _minutes_of_day(key: Keys, category: Integers, parameters: Parameters) -> Integers:
    """Minute of the local day: von Mises-like over the hours, uniform within the hour."""
    hours = np.arange(24) + 0.5
    weights = np.array(
        [np.exp(each.rhythm * np.cos(2 * np.pi * (hours - each.peak_hour) / 24)) for each in parameters.categories]
    )
    return choose(key, "hour", category, weights) * 60 + (uniform(key, "minute") * 60).astype(np.int64)


def _joined(parts: list[Events]) -> Events:
    names = Events.__dataclass_fields__
    return Events(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
