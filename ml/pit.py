"""Randomised probability integral transform: a predictive distribution that is right gives uniform numbers.

For a count y with distribution F, u = F(y-1) + v (F(y) - F(y-1)) with v uniform is uniform where F is right (Czado,
Gneiting & Held, Predictive model assessment for count data, 2009), however small the mean is; an 80 % interval of a
Poisson with mean 0.05 covers 95 %, and coverage says nothing there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from ml.bootstrap import BLOCK_DAYS, RESAMPLES, day_weights
from ml.predictive import Counts
from ml.threads import one_thread

BINS = 10
VOLUME_EDGES = (0.003, 0.01, 0.03, 0.1, 0.3)
VOLUME_NAMES = (
    f"< {VOLUME_EDGES[0]:g}",
    *(f"{low:g} to {high:g}" for low, high in pairwise(VOLUME_EDGES)),
    f"{VOLUME_EDGES[-1]:g} and more",
)
FEWEST_INCIDENTS = 30
_SEED = 20_090_401


def randomised_pit(counts: Counts, observed: np.ndarray, day: date) -> np.ndarray:
    """Uniform numbers where ``counts`` is right, (cells,); the same day draws the same v."""
    uniform = np.random.default_rng([_SEED, day.toordinal()]).random(observed.shape)
    below, upto = counts.cdf(observed - 1), counts.cdf(observed)
    return below + uniform * (upto - below)


@dataclass(frozen=True)
class Uniformity:
    """Whether the PIT of one stratum is uniform.

    Attributes:
        stratum: name.
        distance: largest difference between the cumulated histogram and the uniform one.
        p_value: of the histogram under uniformity; None where fewer than 30 incidents or four weeks tell nothing.
        histogram: (bins,) share of the cell-days.
    """

    stratum: str
    cell_days: int
    incident_count: int
    distance: float
    p_value: float | None
    histogram: tuple[float, ...]


class PitTable:
    """Daily histograms of the PIT per stratum.

    Args:
        kind: what the strata are.
        names: one per stratum.
    """

    def __init__(self, kind: str, names: Sequence[str]) -> None:
        self.kind, self.names = kind, tuple(names)
        self._daily: list[np.ndarray] = []
        self._incidents = np.zeros(len(names))

    def add(self, pit: np.ndarray, stratum: np.ndarray, observed: np.ndarray) -> None:
        """Take one day in: (cells,) PIT, number of the stratum (below 0: none) and observed counts."""
        inside = stratum >= 0
        place = np.minimum((pit[inside] * BINS).astype(np.int64), BINS - 1)
        cells = len(self.names) * BINS
        histogram = np.bincount(stratum[inside] * BINS + place, minlength=cells)
        self._daily.append(histogram.reshape(-1, BINS).astype(np.int32))
        self._incidents += np.bincount(stratum[inside], observed[inside], len(self.names))

    def uniformity(self) -> list[Uniformity]:
        """One row per stratum that has cell-days."""
        daily = np.stack(self._daily, axis=1) if self._daily else np.zeros((len(self.names), 0, BINS))
        found = []
        for name, incidents, histogram in zip(self.names, self._incidents, daily, strict=True):
            total = int(histogram.sum())
            if total == 0:
                continue
            shares = histogram.sum(axis=0) / total
            distance = float(np.abs(shares.cumsum() - np.arange(1, BINS + 1) / BINS).max())
            p_value = uniformity_p(histogram) if incidents >= FEWEST_INCIDENTS else None
            found.append(Uniformity(name, total, int(incidents), distance, p_value, tuple(shares.tolist())))
        return found


@one_thread
def uniformity_p(daily: np.ndarray) -> float | None:
    """Chance of a histogram at least this uneven if the PIT were uniform; None for fewer than four blocks of days.

    Pearson's statistic of the summed histogram, against what it is when blocks of days are drawn anew from days whose
    mean histogram has been made uniform: cells of a day, and days of a week, may depend on each other.

    Args:
        daily: (days, bins) counts.
    """
    days = len(daily)
    if days < 4 * BLOCK_DAYS:
        return None
    size = daily.sum(axis=1, keepdims=True)
    total = size.sum()
    deviation = daily - size / BINS
    excess = deviation.sum(axis=0)
    centred = deviation - size * excess / total
    blocks = days / BLOCK_DAYS
    # blocks drawn from few vary less than blocks of a longer record would
    widened = day_weights(days) @ centred * np.sqrt(blocks / (blocks - 1))
    at_least = np.sum(np.square(widened).sum(axis=1) >= np.square(excess).sum())
    return float((1 + at_least) / (1 + RESAMPLES))


def smallest_adjusted(rows: Sequence[Uniformity]) -> float | None:
    """The smallest p-value times how many were looked at (Holm 1979), at most 1; None where none could be judged."""
    judged = [row.p_value for row in rows if row.p_value is not None]
    return min(1.0, min(judged) * len(judged)) if judged else None
