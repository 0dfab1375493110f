"""Randomised probability integral transform (PIT): it is uniform where the predictive distribution is right.

For a count y with distribution F, u = F(y-1) + v (F(y) - F(y-1)) with v uniform is uniform where F is right (Czado,
Gneiting & Held, Predictive model assessment for count data, 2009), however small the mean is; an 80 % interval of a
Poisson with mean 0.05 covers 95 %, and coverage says nothing there. Where incidents are rare, most of u is v, and its
noise hides errors; the histogram averaged over all v (their section 2.1) has the same mean without that noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ml.evaluation.bootstrap import BLOCK_DAYS, RESAMPLES, Resamples
from ml.models.determinism import one_thread
from ml.models.distribution import Counts

BINS = 10
VOLUME_EDGES = (0.003, 0.01, 0.03, 0.1, 0.3)
VOLUME_NAMES = (
    f"< {VOLUME_EDGES[0]:g}",
    *(f"{low:g} to {high:g}" for low, high in pairwise(VOLUME_EDGES)),
    f"{VOLUME_EDGES[-1]:g} and more",
)
FEWEST_INCIDENTS = 30
_SEED = 20_090_401


class Pit(NamedTuple):
    """PIT of a day's counts.

    Attributes:
        randomised: (cells,) u, uniform where the distribution is right.
        averaged: (cells, bins) share of all v for which u falls into each bin; each row sums to 1.
    """

    randomised: np.ndarray
    averaged: np.ndarray


def pit_of(counts: Counts, observed: np.ndarray, day: date) -> Pit:
    """PIT of one day's counts, (cells,); the same day draws the same v."""
    uniform = np.random.default_rng([_SEED, day.toordinal()]).random(observed.shape)
    below, upto = counts.cdf(observed - 1), counts.cdf(observed)
    width = np.maximum(upto - below, 1e-300)
    edges = np.arange(1, BINS) / BINS
    cumulated = np.clip((edges - below[:, None]) / width[:, None], 0.0, 1.0)
    ends = np.zeros((len(below), 1))
    averaged = np.diff(np.concatenate([ends, cumulated, ends + 1.0], axis=1), axis=1)
    return Pit(below + uniform * (upto - below), averaged)


@dataclass(frozen=True)
class Uniformity:
    """Whether the PIT of one stratum is uniform.

    Attributes:
        stratum: name.
        distance: largest difference between the cumulated histogram and the uniform one.
        p_value: of the histogram under uniformity; None for fewer than 30 incidents or four weeks, which show nothing.
        sharp_p_value: of the averaged histogram, which finds smaller faults.
        histogram: (bins,) share of the cell-days.
    """

    stratum: str
    cell_days: int
    incident_count: int
    distance: float
    p_value: float | None
    sharp_p_value: float | None
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
        self._averaged: list[np.ndarray] = []
        self._incidents = np.zeros(len(names))

    def add(self, pit: Pit, stratum: np.ndarray, observed: np.ndarray) -> None:
        """Add one day: PIT, (cells,) number of the stratum (below 0: none) and observed counts."""
        inside, number = stratum >= 0, len(self.names)
        own = stratum[inside]
        place = np.minimum((pit.randomised[inside] * BINS).astype(np.int64), BINS - 1)
        histogram = np.bincount(own * BINS + place, minlength=number * BINS)
        self._daily.append(histogram.reshape(-1, BINS).astype(np.int32))
        averaged = np.stack([np.bincount(own, share, number) for share in pit.averaged[inside].T], axis=1)
        self._averaged.append(averaged)
        self._incidents += np.bincount(own, observed[inside], number)

    def uniformity(self, resamples: Resamples | None = None) -> list[Uniformity]:
        """One row per stratum that has cell-days; ``resamples`` as in :func:`uniformity_p`."""
        empty = np.zeros((len(self.names), 0, BINS))
        daily, averaged = (np.stack(days, axis=1) if days else empty for days in (self._daily, self._averaged))
        found = []
        for name, incidents, histogram, smooth in zip(self.names, self._incidents, daily, averaged, strict=True):
            total = int(histogram.sum())
            if total == 0:
                continue
            shares = histogram.sum(axis=0) / total
            distance = float(np.abs(shares.cumsum() - np.arange(1, BINS + 1) / BINS).max())
            enough = incidents >= FEWEST_INCIDENTS
            p_value, sharp = (uniformity_p(days, resamples) if enough else None for days in (histogram, smooth))
            found.append(Uniformity(name, total, int(incidents), distance, p_value, sharp, tuple(shares.tolist())))
        return found


@one_thread
def uniformity_p(daily: np.ndarray, resamples: Resamples | None = None) -> float | None:
    """Chance of a histogram at least this uneven if the PIT were uniform; None for fewer than four blocks of days.

    Pearson's statistic of the summed histogram, against what it is when blocks of days are drawn anew from days whose
    mean histogram has been made uniform: cells of a day, and days of a week, may depend on each other.

    Args:
        daily: (days, bins) cell-days per bin.
        resamples: day weights already drawn; None draws them.
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
    widened = (resamples or Resamples()).weights(days) @ centred * np.sqrt(blocks / (blocks - 1))
    at_least = np.sum(np.square(widened).sum(axis=1) >= np.square(excess).sum())
    return float((1 + at_least) / (1 + RESAMPLES))


def smallest_adjusted(p_values: Iterable[float | None]) -> float | None:
    """The smallest p-value times how many there are (Holm 1979), at most 1; None where there is none."""
    known = [value for value in p_values if value is not None]
    return min(1.0, min(known) * len(known)) if known else None
