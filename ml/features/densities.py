"""Densities: past incidents, weighted by age and spread over space, from which a forecast is made.

Each :class:`Memory` is declared once, with its unit and what it remembers; a density uses one of its half-lives
and one of its bandwidths and is scaled to sum to 1 over the city. Derived densities tilt a lasting map by what a wider
neighbourhood remembers. Every density of a day sees only earlier days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, diags_array

from ml.features.recency import memories
from ml.features.smoothing import Smoother
from ml.panel.panel import CATEGORY, OTHER, TARGET, Cells, Panel


def every_day(day: date) -> tuple[float, ...]:  # noqa: ARG001
    """All days count the same."""
    return (1.0,)


def same_part_of_week(day: date) -> tuple[float, ...]:
    """Weekdays count only for weekdays, weekends only for weekends."""
    return (0.0, 1.0) if day.weekday() >= 5 else (1.0, 0.0)


def same_weekday(day: date) -> tuple[float, ...]:
    """A day counts only for the same weekday."""
    return tuple(float(day.weekday() == weekday) for weekday in range(7))


def same_season(day: date) -> tuple[float, ...]:
    """A day of year counts fully, the opposite one not at all: ``((1 + cos(difference)) / 2)²`` as a product."""
    turn = 2 * np.pi * day.timetuple().tm_yday / 365.25
    waves = (1.0, *(wave(k * turn) for k in (1, 2) for wave in (np.cos, np.sin)))
    return tuple(float(size * wave) for size, wave in zip(_SEASON_SIZES, waves, strict=True))


_SEASON_SIZES = (0.375**0.5, 0.5**0.5, 0.5**0.5, 0.125**0.5, 0.125**0.5)


@dataclass(frozen=True)
class Memory:
    """Past incidents of one layer, forgotten exponentially and spread by Gaussians.

    Attributes:
        layer: layer of the panel it remembers (incidents).
        clock: vector of a day; a past day counts by the product of its vector with that of the day forecast.
        half_lives_days: after how many days an incident counts half.
        bandwidths_m: standard deviations of the spread, metres; 0 stays in the cell.
    """

    layer: str
    clock: Callable[[date], tuple[float, ...]]
    half_lives_days: tuple[float, ...]
    bandwidths_m: tuple[float, ...]

    def names(self) -> Iterator[str]:
        """Component names in the order :func:`densities` gives them."""
        for bandwidth in self.bandwidths_m:
            for half_life in self.half_lives_days:
                yield _name(self.layer, self.clock.__name__, half_life, bandwidth)


@dataclass(frozen=True)
class Tilted:
    """A lasting map, tilted by how much the neighbourhood's memory of the target departs from its expectation.

    ``exposed``: where incidents of any kind happened within years, tilted by the share of this kind nearby: the
    detail of frequent incidents improves the map of sparse ones. ``trending``: where these
    incidents happened within years, tilted by how the neighbourhood moved lately.
    """

    name: str
    half_lives_days: tuple[float, ...]
    bandwidths_m: tuple[float, ...]

    def names(self) -> Iterator[str]:
        """Component names in the order :func:`densities` gives them."""
        for bandwidth in self.bandwidths_m:
            for half_life in self.half_lives_days:
                yield _name(TARGET, self.name, half_life, bandwidth)


def _name(layer: str, kind: str, half_life_days: float, bandwidth_m: float) -> str:
    return f"{layer}/{kind}/{half_life_days:g} d/{bandwidth_m:g} m"


# near-repeats fade within days and a few hundred metres (Bowers, Johnson & Pease 2004; Mohler et al. 2011), hotspots
# last for years; the weekend's are not the week's, the summer's not the winter's; incidents of other categories help
# to predict those of this one
_LASTING_DAYS = 1460.0
_RECENT = Memory(TARGET, every_day, (3, 10, 30, 100, 365, _LASTING_DAYS), (0, 100, 250, 500, 1000, 2500))
_OTHERS = Memory(OTHER, every_day, (3, 14, 60, 365, _LASTING_DAYS), (0, 250, 500))
MIXED = (
    _RECENT,
    Memory(TARGET, same_part_of_week, (365,), (0, 250)),
    Memory(TARGET, same_weekday, (_LASTING_DAYS,), (0, 250)),
    Memory(TARGET, same_season, (_LASTING_DAYS,), (0, 250)),
    _OTHERS,
)
EXPOSED = Tilted("exposed", (30, 100, 365, _LASTING_DAYS), (500, 1000, 2500))
TRENDING = Tilted("trending", (10, 30, 100), (1000, 2500))
EVENLY = "evenly"
_YESTERDAY = Memory(TARGET, every_day, (1,), (0, 250, 500))
_CLUE_HALF_LIVES_DAYS, _CLUE_BANDWIDTHS_M = (30.0, 365.0), (0.0, 250.0)
_MOST_CLUES = 8
# a kernel much narrower than a cell is the cell itself; from this width on one is kept, for others are derived from it
_NARROWEST_CELLS, _KEPT_M = 0.5, 250.0


@dataclass(frozen=True)
class Recipe:
    """Which densities a city's forecast is made from.

    Attributes:
        has_others: whether the panel has incidents of other categories.
        clues: layers of single categories that only the trees use.
        context: names of what is known beside incidents; the trees see it as it is.
        cell_size_m: side of a cell, metres; kernels much narrower than it are left out.
    """

    has_others: bool
    clues: tuple[str, ...]
    cell_size_m: int
    context: tuple[str, ...] = ()

    @classmethod
    def from_stored(cls, fields: Mapping[str, Any]) -> Recipe:
        """Read the fields as written by ``dataclasses.asdict`` and stored as JSON."""
        return cls(
            has_others=fields["has_others"],
            clues=tuple(fields["clues"]),
            cell_size_m=fields["cell_size_m"],
            context=tuple(fields["context"]),
        )

    @classmethod
    def of(cls, history: Panel) -> Recipe:
        """The densities for a history; its categories with most incidents are the clues."""
        parts = {name: float(layer.sum()) for name, layer in history.layers.items() if name.startswith(CATEGORY)}
        if len(history.target_categories) == 1:
            parts.pop(history.target_categories[0], None)
        frequent = sorted((name for name in parts if parts[name] > 0), key=lambda name: (-parts[name], name))
        has_others = OTHER in history.layers and history.layers[OTHER].nnz > 0
        context = tuple(known.name for known in history.context)
        return cls(has_others, tuple(frequent[:_MOST_CLUES]), history.cells.size_m, context)

    @cached_property
    def mixed(self) -> tuple[Memory, ...]:
        """Memories whose densities are in the mixture."""
        return tuple(self._fitting(memory) for memory in MIXED if memory.layer != OTHER or self.has_others)

    @cached_property
    def seen(self) -> tuple[Memory, ...]:
        """Memories that only the trees use."""
        single = (Memory(clue, every_day, _CLUE_HALF_LIVES_DAYS, _CLUE_BANDWIDTHS_M) for clue in self.clues)
        return tuple(self._fitting(memory) for memory in (_YESTERDAY, *single))

    @cached_property
    def mixed_names(self) -> tuple[str, ...]:
        """Names of the densities in the mixture; the last one is the even spread."""
        remembered = (name for memory in self.mixed for name in memory.names())
        return (*remembered, *EXPOSED.names(), *TRENDING.names(), EVENLY)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of all densities, those of the mixture first, and of the context, last."""
        return (*self.mixed_names, *(name for memory in self.seen for name in memory.names()), *self.context)

    def _fitting(self, memory: Memory) -> Memory:
        least = min(_NARROWEST_CELLS * self.cell_size_m, _KEPT_M)
        kept = tuple(bandwidth for bandwidth in memory.bandwidths_m if bandwidth == 0 or bandwidth >= least)
        return Memory(memory.layer, memory.clock, memory.half_lives_days, kept)


def densities(recipe: Recipe, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> Iterator[np.ndarray]:
    """Every density of every day, in one pass over the history.

    Args:
        recipe: which densities.
        panel: the history.
        days: ascending local days.
        horizon_days: a day sees the panel up to and with the day this many days before it.

    Yields:
        (densities, cells) float32 in the order of ``recipe.names``, each row summing to 1 over the cells except those
        of the context, which are the values themselves.
    """
    ends = [panel.index(day) - horizon_days + 1 for day in days]
    declared = (*recipe.mixed, *recipe.seen)
    smoothers = {widths: Smoother(panel.cells, widths) for widths in {memory.bandwidths_m for memory in declared}}
    streams = [_remembered(panel, memory, ends) for memory in declared]
    tilt = _Tilt(recipe, panel.cells)
    evenly = np.full((1, len(panel.cells)), 1.0 / len(panel.cells), dtype=np.float32)
    known = {each.name: each for each in panel.context}
    for day in days:
        found = [
            _spread(_recall(memory, day, next(stream)), smoothers[memory.bandwidths_m])
            for memory, stream in zip(declared, streams, strict=True)
        ]
        mixed = np.concatenate(found[: len(recipe.mixed)])
        context = [np.broadcast_to(known[name].on(day), evenly.shape).astype(np.float32) for name in recipe.context]
        yield np.concatenate([mixed, *tilt.maps(mixed), evenly, *found[len(recipe.mixed) :], *context])


class _Tilt:
    """Derived densities of a day from the remembered ones."""

    _EVEN_SHARE = 0.02
    _LASTING_MIX = (0.6, 0.3, 0.1)

    def __init__(self, recipe: Recipe, cells: Cells) -> None:
        self._at = {name: place for place, name in enumerate(recipe.mixed_names)}
        self._has_others = recipe.has_others
        self._smoother = Smoother(cells, EXPOSED.bandwidths_m)

    def maps(self, mixed: np.ndarray) -> Iterator[np.ndarray]:
        """Densities (n, cells) of :data:`EXPOSED`, then of :data:`TRENDING`."""
        own, near = self._lasting(mixed, TARGET, 0), self._lasting(mixed, TARGET, 250)
        others = self._lasting(mixed, OTHER, 0) if self._has_others else own
        exposure = own + others
        exposure = exposure / 2 + np.float32(self._EVEN_SHARE / exposure.size)
        for position, bandwidth in enumerate(EXPOSED.bandwidths_m):
            around = self._smoother.spread(exposure[None], position)
            yield _scaled(exposure * self._every_day(mixed, EXPOSED.half_lives_days, bandwidth) / around)
        lasting = sum(
            np.float32(share) * part for share, part in zip(self._LASTING_MIX, (own, near, others), strict=True)
        )
        for bandwidth in TRENDING.bandwidths_m:
            before = np.maximum(self._lasting(mixed, TARGET, bandwidth), np.float32(1e-9))
            yield _scaled(lasting * self._every_day(mixed, TRENDING.half_lives_days, bandwidth) / before)

    def _every_day(self, mixed: np.ndarray, half_lives_days: Sequence[float], bandwidth_m: float) -> np.ndarray:
        return mixed[[self._at[_name(TARGET, every_day.__name__, days, bandwidth_m)] for days in half_lives_days]]

    def _lasting(self, mixed: np.ndarray, layer: str, bandwidth_m: float) -> np.ndarray:
        return mixed[self._at[_name(layer, every_day.__name__, _LASTING_DAYS, bandwidth_m)]]


def _remembered(panel: Panel, memory: Memory, ends: Sequence[int]) -> Iterator[tuple[np.ndarray, ...]]:
    """One stream of memories per entry of the clock's vector."""
    counts = panel.layers.get(memory.layer, csr_matrix((panel.days, len(panel.cells))))
    if memory.clock is every_day:
        return zip(memories(counts, memory.half_lives_days, ends), strict=True)
    vectors = np.array([memory.clock(panel.first_day + timedelta(days=row)) for row in range(panel.days)])
    weighted = [(diags_array(column) @ counts).tocsr() for column in vectors.reshape(panel.days, -1).T]
    return zip(*(memories(part, memory.half_lives_days, ends) for part in weighted), strict=True)


def _recall(memory: Memory, day: date, remembered: tuple[np.ndarray, ...]) -> np.ndarray:
    if memory.clock is every_day:
        return remembered[0]
    return np.maximum(np.einsum("b,bhn->hn", np.array(memory.clock(day)), np.stack(remembered)), 0.0)


def _spread(values: np.ndarray, smoother: Smoother) -> np.ndarray:
    return _scaled(np.concatenate([smoother.spread(values, bandwidth) for bandwidth in range(len(smoother))]))


def _scaled(maps: np.ndarray) -> np.ndarray:
    """Maps (n, cells) that sum to 1; even ones where there is nothing to scale."""
    total = maps.sum(axis=1, keepdims=True)
    maps /= np.maximum(total, np.float32(1e-12))
    maps[total[:, 0] <= 0] = 1.0 / maps.shape[1]
    return maps
