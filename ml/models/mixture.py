"""The kernel mixture: densities weighted so that the incidents that followed are most likely."""

from __future__ import annotations

import numpy as np

from ml.features.densities import Recipe
from ml.features.sampling import Examples

_ITERATIONS = 300
_TOLERANCE = 1e-5


def fit_mixture(examples: Examples, recipe: Recipe) -> np.ndarray:
    """Weights of the recipe's mixed densities that make the examples' incidents most likely."""
    happened = examples.count > 0
    return mixture_weights(examples.density[happened, : len(recipe.mixed_names)], examples.count[happened])


def mixture_weights(density: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Weights of a mixture by expectation-maximisation (Dempster, Laird & Rubin 1977).

    Args:
        density: (events, densities) value of every density where and when each event happened, known before it.
        count: (events,) incidents of each event.

    Returns:
        (densities,) weights, none negative, summing to 1.
    """
    weights = np.full(density.shape[1], 1.0 / density.shape[1])
    share = (count / count.sum()).astype(density.dtype)
    tiny = np.finfo(density.dtype).tiny
    for _ in range(_ITERATIONS):
        mixture = density @ weights.astype(density.dtype)
        updated = weights * (density.T @ (share / np.maximum(mixture, tiny)))
        updated /= updated.sum()
        moved = float(np.abs(updated - weights).max())
        weights = updated
        if moved < _TOLERANCE:
            break
    return weights
