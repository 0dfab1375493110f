"""Validation of a model on later days than it learned from: whether trees help, and how far counts are dispersed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from ml.features.densities import Recipe
from ml.features.sampling import DayRows, Examples, sample, training_days
from ml.models import trees
from ml.models.dispersion import fit_spread
from ml.models.distribution import Spread
from ml.models.level import Level
from ml.models.mixture import fit_mixture
from ml.models.settings import Settings
from ml.panel.panel import Panel

# quarters lie on a fixed lattice of the calendar; all models of a quarter share one validation
_QUARTER_DAYS = 91
_LEAST_SHARE = 0.75
# prior standard deviation of the sharpness around 1
_SHARPNESS_SD = 0.03
_ITERATIONS = 12


@dataclass(frozen=True)
class ModelValidation:
    """How a model that learned from the first three quarters of the examples did on the last quarter.

    Attributes:
        trees: how the trees did; None where only the mixture was fitted.
        sharpness: exponent of the shares that fits those days best; above 1 where incidents are more concentrated in
            the likely cells than expected.
        spread: of counts around the expectation of the better model, without the level's variance.
    """

    trees: trees.TreeValidation | None
    sharpness: float
    spread: Spread


ValidationKey = tuple[Recipe, date, int, Settings | None]


@dataclass(eq=False)
class TrainingCache:
    """Sampled examples and validations of the newest panel; those of an earlier panel are dropped."""

    _panel: Panel | None = None
    _samples: dict[tuple[Recipe, int], dict[date, DayRows]] = field(default_factory=dict)
    _validations: dict[ValidationKey, ModelValidation] = field(default_factory=dict)

    def samples(self, panel: Panel, recipe: Recipe, horizon_days: int) -> dict[date, DayRows]:
        """Examples sampled so far by day; the caller adds the days that are missing."""
        self._use(panel)
        return self._samples.setdefault((recipe, horizon_days), {})

    def validations(self, panel: Panel) -> dict[ValidationKey, ModelValidation]:
        """Validations made so far; the caller adds those that are missing."""
        self._use(panel)
        return self._validations

    def _use(self, panel: Panel) -> None:
        if panel is not self._panel:
            self._panel, self._samples, self._validations = panel, {}, {}


def validate(
    recipe: Recipe, panel: Panel, end_day: date, horizon_days: int, settings: Settings | None, *, cache: TrainingCache
) -> ModelValidation:
    """Validate a model on the history that ends with the last full quarter before ``end_day``.

    Where that would leave out more than a quarter of the history, all of it is used.

    Args:
        recipe: the densities.
        panel: the history; days from ``end_day`` on are ignored.
        end_day: first day that must not be seen.
        horizon_days: how far ahead each example is seen.
        settings: of the trees compared with the mixture; None fits the mixture alone.
        cache: where the validations of the panel are kept.
    """
    quarter = date.fromordinal(end_day.toordinal() // _QUARTER_DAYS * _QUARTER_DAYS)
    if (quarter - panel.first_day).days < _LEAST_SHARE * (end_day - panel.first_day).days:
        quarter = end_day
    known, key = cache.validations(panel), (recipe, quarter, horizon_days, settings)
    if key not in known:
        known[key] = _validate(hold_out(recipe, panel, quarter, horizon_days, cache), recipe, settings)
    return known[key]


def rates(recipe: Recipe, examples: Examples, weights: np.ndarray, daily: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features (rows, features) and the mixture's log expected count (rows,) of every example.

    Args:
        recipe: the densities.
        examples: sampled cell-days.
        weights: of the mixture.
        daily: (days,) expected incidents of the city on each day of the examples.
    """
    mixed = len(weights)
    share = examples.density[:, :mixed] @ weights.astype(np.float32)
    mixture = share / examples.density[:, mixed - 1]
    level = daily[examples.day]
    matrix = trees.Features(recipe).matrix(examples.density, mixture, level, examples.day, examples.days)
    return matrix, np.log(level * share)


@dataclass(frozen=True, eq=False)
class Holdout:
    """Examples of a history, as seen by a model that learned from the first three quarters of them.

    Attributes:
        matrix: (rows, features) input of the trees.
        log_rate: (rows,) the mixture's log expected count.
        relative: (rows,) log of the mixture over an even spread.
        held_out: the rows of the last quarter.
    """

    examples: Examples
    matrix: np.ndarray
    log_rate: np.ndarray
    relative: np.ndarray
    held_out: slice


def hold_out(recipe: Recipe, panel: Panel, end_day: date, horizon_days: int, cache: TrainingCache) -> Holdout:
    """Fit the mixture and the level to the first three quarters of the examples before ``end_day``."""
    history = panel.until(end_day)
    days = training_days(history, horizon_days)
    first = round(trees.LEARNED * len(days))
    early = history.until(days[first]) if first < len(days) else history
    level = Level.fit(early, horizon_days)
    daily = level.predict(history, days, horizon_days)
    examples = sample(recipe, panel, days, horizon_days, cache.samples(panel, recipe, horizon_days))
    weights = fit_mixture(examples.between(0, first), recipe)
    matrix, log_rate = rates(recipe, examples, weights, daily)
    relative = log_rate - np.log(daily[examples.day] / len(panel.cells))
    return Holdout(examples, matrix, log_rate, relative, slice(int(np.searchsorted(examples.day, first)), None))


def _validate(seen: Holdout, recipe: Recipe, settings: Settings | None) -> ModelValidation:
    of_trees, correction = None, np.zeros(1)
    if settings is not None:
        of_trees, found = trees.validate(recipe, seen.examples, seen.matrix, seen.log_rate, settings)
        correction = found if of_trees.is_won else correction
    rate, relative = np.exp(seen.log_rate[seen.held_out] + correction), seen.relative[seen.held_out] + correction
    count, weight = seen.examples.count[seen.held_out], seen.examples.weight[seen.held_out]
    exponent, factor = sharpen(relative, rate, count, weight)
    spread = fit_spread(factor * rate * np.exp((exponent - 1) * relative), count, weight)
    return ModelValidation(of_trees, exponent, spread)


def sharpen(relative: np.ndarray, rate: np.ndarray, count: np.ndarray, weight: np.ndarray) -> tuple[float, float]:
    """Exponent and factor of the rates that make the counts most likely; a prior draws the exponent towards 1.

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
