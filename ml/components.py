"""The densities a forecast is mixed from: where incidents were, remembered over time and spread over space.

Each :class:`Memory` is declared once, with its unit and what it remembers; a component is one of its half-lives spread
with one of its bandwidths and scaled to sum to 1 over the city. Every component of a day sees only earlier days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from scipy.sparse import diags_array

from ml.panel import OTHER, TARGET, Panel
from ml.recency import memories
from ml.smoothing import Smoother


def every_day(day: date) -> tuple[float, ...]:  # noqa: ARG001
    """All days count alike."""
    return (1.0,)


def same_part_of_week(day: date) -> tuple[float, ...]:
    """Only weekdays speak for a weekday, only weekends for a weekend."""
    return (0.0, 1.0) if day.weekday() >= 5 else (1.0, 0.0)


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
                yield f"{self.layer}/{self.clock.__name__}/{half_life:g} d/{bandwidth:g} m"


# near-repeats fade within days and a few hundred metres (Bowers, Johnson & Pease 2004; Mohler et al. 2011), hotspots
# last for years; the weekend's are not the week's; and incidents of other groups tell where those of this one come next
MEMORIES = (
    Memory(TARGET, every_day, (3, 10, 30, 100, 365, 1460), (0, 250, 500, 1000, 2500)),
    Memory(TARGET, same_part_of_week, (365,), (0, 250)),
    Memory(OTHER, every_day, (14, 365), (0, 250, 500)),
)
EVENLY = "evenly"


def names(layers: Sequence[str]) -> list[str]:
    """Names of the components a panel with these layers has; the last one is the even spread."""
    return [name for memory in MEMORIES if memory.layer in layers for name in memory.names()] + [EVENLY]


def densities(panel: Panel, days: Sequence[date], horizon_days: int = 1) -> Iterator[np.ndarray]:
    """Every component of every day, in one pass over the history.

    Args:
        panel: the history.
        days: ascending local days.
        horizon_days: a day sees the panel up to and with the day this many days before it.

    Yields:
        (components, cells) float32, each row summing to 1 over the cells.
    """
    ends = [panel.index(day) - horizon_days + 1 for day in days]
    declared = [memory for memory in MEMORIES if memory.layer in panel.layers]
    smoothers = [Smoother(panel.cells, memory.bandwidths_m) for memory in declared]
    streams = [_remembered(panel, memory, ends) for memory in declared]
    evenly = np.full((1, len(panel.cells)), 1.0 / len(panel.cells), dtype=np.float32)
    for day in days:
        found = [
            _spread(_recall(memory, day, next(stream)), smoother)
            for memory, smoother, stream in zip(declared, smoothers, streams, strict=True)
        ]
        yield np.concatenate([*found, evenly])


def _remembered(panel: Panel, memory: Memory, ends: Sequence[int]) -> Iterator[tuple[np.ndarray, ...]]:
    """One stream of memories per entry of the clock's vector."""
    counts = panel.layers[memory.layer]
    vectors = np.array([memory.clock(panel.first_day + timedelta(days=row)) for row in range(panel.days)])
    vectors = vectors.reshape(panel.days, -1)
    if memory.clock is every_day:
        return zip(memories(counts, memory.half_lives_days, ends), strict=True)
    weighted = [(diags_array(column) @ counts).tocsr() for column in vectors.T]
    return zip(*(memories(part, memory.half_lives_days, ends) for part in weighted), strict=True)


def _recall(memory: Memory, day: date, remembered: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.einsum("b,bhn->hn", np.array(memory.clock(day)), np.stack(remembered))


def _spread(values: np.ndarray, smoother: Smoother) -> np.ndarray:
    spread = np.concatenate([smoother.spread(values, bandwidth) for bandwidth in range(len(smoother))])
    total = spread.sum(axis=1, keepdims=True)
    spread /= np.maximum(total, np.float32(1e-12))
    spread[total[:, 0] <= 0] = 1.0 / spread.shape[1]
    return spread
