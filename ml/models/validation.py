"""The trial of a model on later days than it learned from: do trees beat the blend, and how far do counts scatter."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from weakref import WeakKeyDictionary

import numpy as np

from ml.features.densities import Recipe
from ml.features.sampling import Examples, sample, training_days
from ml.models import trees
from ml.models.dispersion import fit_spread
from ml.models.distribution import Spread
from ml.models.level import Level
from ml.models.mixture import blend_weights
from ml.models.settings import Settings
from ml.panel.panel import Panel

# a trial is held once a quarter, on a lattice of the calendar; models of the same quarter share its verdict
_QUARTER_DAYS = 91
_LEAST_SHARE = 0.75
# prior standard deviation of the sharpness around 1
_SHARPNESS_SD = 0.03
_ITERATIONS = 12


@dataclass(frozen=True)
class Trial:
    """What the last quarter of the examples said of a model that learned from the first three.

    Attributes:
        validation: of the trees; None where only the blend was tried.
        sharpness: exponent of the shares that fits those days best; above 1 where incidents keep more closely to the
            likely cells than was expected.
        spread: of counts around what the winner expected, the level's variance apart.
    """

    validation: trees.Validation | None
    sharpness: float
    spread: Spread


_held: WeakKeyDictionary[Panel, dict[tuple[Recipe, date, int, Settings | None], Trial]] = WeakKeyDictionary()


def trial(recipe: Recipe, panel: Panel, end_day: date, horizon_days: int, settings: Settings | None) -> Trial:
    """The newest trial of a history that ends before ``end_day``.

    Args:
        recipe: the components.
        panel: the history, which may go on after it.
        end_day: first day that must not be seen.
        horizon_days: how far ahead each example is seen.
        settings: of the trees tried beside the blend; None tries none.
    """
    quarter = date.fromordinal(end_day.toordinal() // _QUARTER_DAYS * _QUARTER_DAYS)
    if (quarter - panel.first_day).days < _LEAST_SHARE * (end_day - panel.first_day).days:
        quarter = end_day
    held, key = _held.setdefault(panel, {}), (recipe, quarter, horizon_days, settings)
    if key not in held:
        held[key] = _hold(recipe, panel, quarter, horizon_days, settings)
    return held[key]


def rates(recipe: Recipe, examples: Examples, weights: np.ndarray, daily: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, features) and the blend's log expected count (rows,) of every example.

    Args:
        recipe: the components.
        examples: sampled cell-days.
        weights: of the blend.
        daily: (days,) expected incidents of the city on each day of the examples.
    """
    mixed = len(weights)
    share = examples.density[:, :mixed] @ weights.astype(np.float32)
    blend = share / examples.density[:, mixed - 1]
    level = daily[examples.day]
    matrix = trees.Features(recipe).matrix(examples.density, blend, level, examples.day, examples.days)
    return matrix, np.log(level * share)


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """Examples of a history, as a model sees them that learned from the first three quarters.

    Attributes:
        matrix: (rows, features) what trees see.
        log_rate: (rows,) the blend's log expected count.
        relative: (rows,) log of the blend over an even spread.
        judged: the rows it did not learn from.
    """

    examples: Examples
    matrix: np.ndarray
    log_rate: np.ndarray
    relative: np.ndarray
    judged: slice


def rehearse(recipe: Recipe, panel: Panel, end_day: date, horizon_days: int) -> Rehearsal:
    """Learn the blend and the level from the first three quarters of the examples before ``end_day``."""
    history = panel.until(end_day)
    days = training_days(history, horizon_days)
    first = round(trees.LEARNED * len(days))
    early = history.until(days[first]) if first < len(days) else history
    level = Level.fit(early, horizon_days)
    daily = level.predict(history, days, horizon_days)
    examples = sample(recipe, panel, days, horizon_days)
    weights = blend_weights(examples.between(0, first), recipe)
    matrix, log_rate = rates(recipe, examples, weights, daily)
    relative = log_rate - np.log(daily[examples.day] / len(panel.cells))
    return Rehearsal(examples, matrix, log_rate, relative, slice(int(np.searchsorted(examples.day, first)), None))


def _hold(recipe: Recipe, panel: Panel, end_day: date, horizon_days: int, settings: Settings | None) -> Trial:
    seen = rehearse(recipe, panel, end_day, horizon_days)
    validation, correction = None, np.zeros(1)
    if settings is not None:
        validation, found = trees.validate(recipe, seen.examples, seen.matrix, seen.log_rate, settings)
        correction = found if validation.is_won else correction
    rate, relative = np.exp(seen.log_rate[seen.judged] + correction), seen.relative[seen.judged] + correction
    count, weight = seen.examples.count[seen.judged], seen.examples.weight[seen.judged]
    exponent, factor = sharpen(relative, rate, count, weight)
    return Trial(validation, exponent, fit_spread(factor * rate * np.exp((exponent - 1) * relative), count, weight))


def sharpen(relative: np.ndarray, rate: np.ndarray, count: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Exponent and factor of the rates that make the counts most likely, the exponent drawn to 1 by a prior.

    Args:
        relative: (rows,) log of the rate over an even one.
        rate: (rows,) expected counts.
        count: (rows,) counts.
        weight: (rows,) cell-days a row stands for.
    """
    design = np.column_stack([np.ones_like(relative), relative])
    penalty = np.array([0.0, 1.0 / _SHARPNESS_SD**2])
    beta = np.zeros(2)
    for _ in range(_ITERATIONS):
        mean = weight * rate * np.exp(design @ beta)
        curvature = (design * mean[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, design.T @ (weight * count - mean) - penalty * beta)
        beta += np.clip(step, -0.5, 0.5)
    return 1.0 + float(beta[1]), float(np.exp(beta[0]))
