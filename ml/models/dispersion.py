"""Dispersion of counts around their expectation: negative binomial, by maximum likelihood."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize
from scipy.special import gammaln

from ml.models.distribution import Spread

_LEAST, _MOST = 1e-6, 10.0
_START = (-3.0, -3.0)


def fit_spread(mean: np.ndarray, count: np.ndarray, weight: np.ndarray) -> Spread:
    """The spread that makes the counts of single cells most likely; their sums are not considered.

    Args:
        mean: (rows,) expected counts.
        count: (rows,) counts.
        weight: (rows,) how many cell-days each row stands for.
    """
    happened = count > 0
    if not happened.any():
        return Spread()
    none_mean, none_weight = mean[~happened], weight[~happened]
    some_mean, some_count, some_weight = mean[happened], count[happened], weight[happened]

    def loss(logs: np.ndarray) -> float:
        linear, quadratic = np.exp(np.clip(logs, np.log(_LEAST), np.log(_MOST)))
        none = none_weight @ _log_none(none_mean, linear + quadratic * none_mean)
        dispersion = linear + quadratic * some_mean
        size = some_mean / dispersion
        some = gammaln(some_count + size) - gammaln(size) + some_count * np.log(dispersion / (1.0 + dispersion))
        return -float(none + some_weight @ (some + _log_none(some_mean, dispersion)))

    best = minimize(loss, _START, method="Nelder-Mead", options={"xatol": 0.01, "fatol": 0.01})
    linear, quadratic = np.exp(np.clip(best.x, np.log(_LEAST), np.log(_MOST)))
    return Spread(float(linear), float(quadratic))


def _log_none(mean: np.ndarray, dispersion: np.ndarray) -> np.ndarray:
    """Log-chance of no incident."""
    return -mean * np.log1p(dispersion) / dispersion
