"""The distribution of counts around their expectation: negative binomial, of cells and of sums over cells of a day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from scipy import stats
from scipy.special import betainc, gammaincc

from ml.errors import InputError

_LOWER, _UPPER = 0.1, 0.9
# a dispersion below this is Poisson to every digit that is written
_LEAST_DISPERSION = 1e-7
# above this mean the chance of no incident is too small to start a recursion from
_LARGE_MEAN = 50.0


@dataclass(frozen=True)
class Spread:
    """How much counts vary around their expectation, beyond Poisson; all zero is Poisson.

    The variance of one cell's count is ``mean * (1 + linear) + quadratic * mean²``; that of a sum over cells of one day
    is ``sum(mean) * (1 + linear) + quadratic * sum(mean²) + shared * sum(mean)²``.

    Attributes:
        linear: excess that grows with the mean, as incidents that come in groups cause it.
        quadratic: relative variance of a cell's rate, independent between cells.
        shared: relative variance of the day's level, common to all cells.
    """

    linear: float = 0.0
    quadratic: float = 0.0
    shared: float = 0.0

    def __post_init__(self) -> None:
        if min(self.linear, self.quadratic, self.shared) < 0:
            raise InputError(
                "spread",
                found=str(self),
                expected="no part below zero",
                action="Use 0 (Poisson) where counts vary less.",
            )

    def with_level(self, expected: np.ndarray, observed: np.ndarray) -> Self:
        """The same spread, with the shared variance that the city's daily totals show (method of moments).

        Args:
            expected: (days,) expected totals.
            observed: (days,) totals.
        """
        excess = np.sum((observed - expected) ** 2 - expected * (1.0 + self.linear))
        return replace(self, shared=max(0.0, float(excess / np.sum(expected**2))))


POISSON = Spread()


@dataclass(frozen=True, eq=False)
class Counts:
    """Independent negative binomial counts, matched to a mean and a variance; Poisson where the two are equal.

    Attributes:
        mean: expected counts, any shape.
        dispersion: same shape, ``variance / mean - 1``, at least 0.
    """

    mean: np.ndarray
    dispersion: np.ndarray

    @classmethod
    def of_cells(cls, expected: np.ndarray, spread: Spread) -> Self:
        """The count of each cell; ``expected`` may have any shape."""
        mean = np.maximum(expected, 0.0)
        return cls(mean, spread.linear + spread.quadratic * mean)

    @classmethod
    def of_sums(cls, expected: np.ndarray, spread: Spread, group: np.ndarray, groups: int) -> Self:
        """The count of each group of cells of one day, (groups,).

        Args:
            expected: (cells,) expected counts.
            spread: of the method.
            group: (cells,) number of each cell's group.
            groups: how many there are.
        """
        mean = np.bincount(group, expected, groups)
        squares = np.bincount(group, expected**2, groups)
        within = np.divide(squares, mean, out=np.zeros(groups), where=mean > 0)
        return cls(mean, spread.linear + spread.quadratic * within + spread.shared * mean)

    def probability_none(self) -> np.ndarray:
        """Chance of a count of 0."""
        return np.exp(-self.mean * _log_ratio(self.dispersion))

    def cdf(self, count: np.ndarray) -> np.ndarray:
        """Chance of at most ``count``; 0 below 0."""
        below = np.where(count < 0, 0.0, self.probability_none())
        rest = (count > 0) & (self.mean > 0)
        mean, dispersion, k = self.mean[rest], self.dispersion[rest], count[rest]
        is_poisson = dispersion < _LEAST_DISPERSION
        size = mean / np.where(is_poisson, 1.0, dispersion)
        below[rest] = np.where(is_poisson, gammaincc(k + 1.0, mean), betainc(size, k + 1.0, 1.0 / (1.0 + dispersion)))
        return below

    def interval_80(self) -> tuple[np.ndarray, np.ndarray]:
        """The 10 % and 90 % quantiles: the least counts whose chance of not being exceeded reaches that."""
        lower, upper = np.zeros(self.mean.shape, dtype=np.int32), np.zeros(self.mean.shape, dtype=np.int32)
        large = self.mean > _LARGE_MEAN
        lower[~large], upper[~large] = _quantiles_by_recursion(self.mean[~large], self.dispersion[~large])
        mean, dispersion = self.mean[large], np.maximum(self.dispersion[large], _LEAST_DISPERSION)
        size, chance = mean / dispersion, 1.0 / (1.0 + dispersion)
        lower[large], upper[large] = (stats.nbinom.ppf(share, size, chance) for share in (_LOWER, _UPPER))
        return lower, upper


class CellDistribution(NamedTuple):
    """Per cell: probability of at least one incident, and the 10 % and 90 % quantiles of the count."""

    probability_any: np.ndarray
    lower_80: np.ndarray
    upper_80: np.ndarray


def cell_distribution(expected: np.ndarray, spread: Spread) -> CellDistribution:
    """Distribution of the count of each cell.

    Args:
        expected: expected counts, any shape.
        spread: of the method that made the forecast.
    """
    counts = Counts.of_cells(expected, spread)
    return CellDistribution(1.0 - counts.probability_none(), *counts.interval_80())


def _log_ratio(dispersion: np.ndarray) -> np.ndarray:
    """``log(1 + d) / d``, 1 at 0."""
    positive = np.maximum(dispersion, _LEAST_DISPERSION)
    return np.log1p(positive) / positive


def _quantiles_by_recursion(mean: np.ndarray, dispersion: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    chance = np.exp(-mean * _log_ratio(dispersion))
    below = chance.copy()
    lower, upper = np.zeros(mean.shape, dtype=np.int32), np.zeros(mean.shape, dtype=np.int32)
    count = 0
    while np.any(below < _UPPER):
        lower += below < _LOWER
        upper += below < _UPPER
        chance = chance * (mean + count * dispersion) / ((count + 1) * (1.0 + dispersion))
        below = below + chance
        count += 1
    return lower, upper
