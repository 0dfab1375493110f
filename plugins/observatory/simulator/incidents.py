"""The marked self-exciting process that makes the simulated city's incidents, generation by generation.

Background incidents come first, then what they trigger, then what those trigger, until none is left: the cluster
construction of a Hawkes process (Hawkes and Oakes, 1974), in days. Every generation is one set of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.signal import lfilter
from scipy.spatial import cKDTree
from scipy.special import ndtri

from observatory.simulator.city import City, build_city
from observatory.simulator.draws import Floats, Integers, Keys, choose, combine, name_key, poisson, uniform
from observatory.simulator.truth import PLANTED, Truth

# Days run before the first one that is kept, so that it has its near-repeats: many half-lives of the slowest category.
_WARM_UP_DAYS = 150


@dataclass(frozen=True)
class Events:
    """Incidents as arrays of one length.

    Attributes:
        key: what each one's further draws depend on.
        day: proleptic ordinal.
        category: index into the truth's categories.
        address: index into the city's addresses.
        generation: 0 for background, one more than its trigger's otherwise.
    """

    key: Keys
    day: Integers
    category: Integers
    address: Integers
    generation: Integers

    def __len__(self) -> int:
        """Number of incidents."""
        return len(self.key)

    def where(self, chosen: np.ndarray) -> Events:
        """The chosen ones (mask or positions)."""
        return Events(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def happen(
    *, seed: int, population: int, first_day: date, end_day: date, truth: Truth = PLANTED, city: City | None = None
) -> Events:
    """Let incidents happen on the days ``[first_day, end_day)``.

    The incidents of a day do not depend on ``end_day``.
    """
    city = city or build_city()
    days = np.arange((first_day - timedelta(days=_WARM_UP_DAYS)).toordinal(), end_day.toordinal())
    generation = _background(seed, population, days, truth, city)
    index = cKDTree(city.addresses)
    generations = []
    while len(generation):
        generations.append(generation)
        generation = _triggered(generation, end_day.toordinal(), truth, city, index)
    everything = Events(
        *(np.concatenate([getattr(part, name) for part in generations]) for name in Events.__dataclass_fields__)
    )
    return everything.where(everything.day >= first_day.toordinal())


def background_rate(days: Integers, population: int, truth: Truth) -> Floats:
    """(categories, days) expected background incidents: all expected ones less the near-repeats of earlier days."""
    rates = []
    for category in truth.categories:
        expected = category.expected_counts(days, population)
        decay = 0.5 ** (1 / category.half_life_days)
        # expected near-repeats of day d: sum over k >= 1 of (1 - decay) decay^(k-1) expected[d - k]
        steady = np.array([category.daily_rate * population / 100_000])
        repeats, _ = lfilter([0, 1 - decay], [1, -decay], expected, zi=steady)
        rates.append(expected - category.branching_ratio * repeats)
    return np.array(rates)


def _background(seed: int, population: int, days: Integers, truth: Truth, city: City) -> Events:
    rates = background_rate(days, population, truth)
    categories = np.array([name_key(code) for code in truth.codes])
    keys = combine(combine(combine(name_key("city"), seed), categories)[:, None], days[None, :])
    counts = poisson(keys, "count", rates).ravel()
    ordinal = _ordinals(counts)
    category = np.repeat(np.arange(len(categories)), counts.reshape(rates.shape).sum(axis=1))
    key = combine(np.repeat(keys.ravel(), counts), ordinal)
    return Events(
        key=key,
        day=np.repeat(np.tile(days, len(categories)), counts),
        category=category,
        address=choose(key, "address", category, city.weights(truth)),
        generation=np.zeros(len(key), np.int64),
    )


def _triggered(parents: Events, end_ordinal: int, truth: Truth, city: City, index: cKDTree) -> Events:
    ratio = np.array([category.branching_ratio for category in truth.categories])
    spread = np.array([category.spread_m for category in truth.categories])
    log_decay = np.log(0.5) / np.array([category.half_life_days for category in truth.categories])
    counts = poisson(parents.key, "children", ratio[parents.category])
    parent = np.repeat(np.arange(len(parents)), counts)
    key = combine(combine(parents.key[parent], name_key("child")), _ordinals(counts))
    category = parents.category[parent]
    delay = 1 + np.floor(np.log(uniform(key, "delay")) / log_decay[category]).astype(np.int64)
    shift = np.column_stack([ndtri(uniform(key, "east")), ndtri(uniform(key, "north"))]) * spread[category, None]
    _, address = index.query(city.addresses[parents.address[parent]] + shift)
    children = Events(
        key=key,
        day=parents.day[parent] + delay,
        category=category,
        address=address.astype(np.int64),
        generation=parents.generation[parent] + 1,
    )
    return children.where(children.day < end_ordinal)


def _ordinals(counts: Integers) -> Integers:
    """0, 1, … within each group of the given sizes, end to end."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
