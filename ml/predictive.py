"""From an expected count to what may happen: the chance of any incident, and 80 % intervals for the count."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_LOWER, _UPPER = 0.1, 0.9


class Predictive(NamedTuple):
    """Per cell: probability of at least one incident, and the 10 % and 90 % quantiles of the count."""

    probability_any: np.ndarray
    lower_80: np.ndarray
    upper_80: np.ndarray


def predictive(expected: np.ndarray, dispersion: float) -> Predictive:
    """Negative binomial with variance ``mean + dispersion * mean²``, Poisson for 0.

    Args:
        expected: expected counts, any shape.
        dispersion: at least 0.
    """
    mean = np.maximum(expected, 0.0)
    if dispersion > 0:
        chance = np.exp(-np.log1p(dispersion * mean) / dispersion)
        # ratio of successive probabilities: (1/d + k) / (k + 1) * d*mean / (1 + d*mean)
        odds = dispersion * mean / (1.0 + dispersion * mean)
        size = 1.0 / dispersion
    else:
        chance, odds, size = np.exp(-mean), mean, None
    none = chance.copy()
    below = chance.copy()
    lower, upper = np.zeros(mean.shape, dtype=np.int32), np.zeros(mean.shape, dtype=np.int32)
    count = 0
    while np.any(below < _UPPER):
        lower += below < _LOWER
        upper += below < _UPPER
        chance = chance * odds * ((size + count) if size is not None else 1.0) / (count + 1)
        below = below + chance
        count += 1
    return Predictive(1.0 - none, lower, upper)
