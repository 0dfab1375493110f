"""Gradient-boosted trees that correct the mixture: LightGBM, Poisson, started from the mixture's log-rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np

from ml.features.densities import Recipe, every_day
from ml.features.sampling import Examples
from ml.models.settings import Settings
from ml.panel.panel import TARGET

_MOST_ROUNDS = 500
_PATIENCE = 40
# share of the days that the trees learn from when they are validated on the rest
LEARNED = 0.75
_FLOOR = 0.02
_WIDEST_M = 500.0
_OWN_RECENT = f"{TARGET}/{every_day.__name__}/"
_CALENDAR = ("log mixture", "log level", "weekday", "sine of year", "cosine of year")


@dataclass(frozen=True)
class Features:
    """Features of a cell-day, all known before the day.

    Attributes:
        recipe: the densities available.
    """

    recipe: Recipe

    @cached_property
    def densities(self) -> list[int]:
        """Positions of the densities used as features: the tilted ones, and the others up to 500 m wide."""
        wide = {name for memory in self.recipe.mixed for name in memory.names() if _bandwidth_m(name) > _WIDEST_M}
        left_out = wide | {self.recipe.mixed_names[-1], *self.recipe.context}
        return [place for place, name in enumerate(self.recipe.names) if name not in left_out]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        return (*_CALENDAR, *(self.recipe.names[place] for place in self.densities), *self.recipe.context)

    @property
    def rising(self) -> list[int]:
        """One per column: 1 where a higher value may never lower the forecast."""
        return [int(name == "log mixture" or name.startswith(_OWN_RECENT)) for name in self.names]

    def matrix(
        self, density: np.ndarray, mixture: np.ndarray, level: np.ndarray, day: np.ndarray, days: Sequence[date]
    ) -> np.ndarray:
        """Feature matrix, (rows, features) float32.

        Args:
            density: (rows, densities) densities and context.
            mixture: (rows,) mixed density relative to an even spread.
            level: (rows,) expected incidents of the day in the whole city.
            day: (rows,) position in ``days``.
            days: local days.
        """
        turn = 2 * np.pi * np.array([d.timetuple().tm_yday for d in days]) / 365.25
        weekday = np.array([d.weekday() for d in days], dtype=np.float32)
        first, last = len(_CALENDAR), len(_CALENDAR) + len(self.densities)
        found = np.empty((len(mixture), last + len(self.recipe.context)), dtype=np.float32)
        found[:, 0] = np.log(mixture)
        found[:, 1] = np.log(level)
        found[:, 2:first] = np.column_stack([weekday, np.sin(turn), np.cos(turn)])[day]
        evenly = density[:, [len(self.recipe.mixed_names) - 1]]
        ratio = density[:, self.densities] / evenly + np.float32(_FLOOR)
        np.log(ratio / (mixture + _FLOOR).astype(np.float32)[:, None], out=found[:, first:last])
        found[:, last:] = density[:, len(self.recipe.names) - len(self.recipe.context) :]
        return found


@dataclass(frozen=True)
class TreeValidation:
    """How the trees compare with the mixture on later days than they learned from.

    Attributes:
        rounds: best number of boosting rounds.
        gain: log-score gained per incident.
        standard_error: of the gain, over days.
    """

    rounds: int
    gain: float
    standard_error: float

    @property
    def is_won(self) -> bool:
        """Whether the trees beat the mixture by more than chance would, two standard errors."""
        return self.rounds > 0 and self.gain > 2 * self.standard_error


def validate(
    recipe: Recipe, examples: Examples, matrix: np.ndarray, log_rate: np.ndarray, settings: Settings
) -> tuple[TreeValidation, np.ndarray]:
    """Grow trees on earlier days and validate them on later ones, stopping early.

    Args:
        recipe: what the features are made of.
        examples: the sampled cell-days.
        matrix: their features, (rows, features).
        log_rate: (rows,) the mixture's log expected count.
        settings: of the trees.

    Returns:
        The validation, and the trees' log-correction of the rows held out, the last ones.
    """
    first = round(LEARNED * len(examples.days))
    learn = slice(0, int(np.searchsorted(examples.day, first)))
    held_out = slice(learn.stop, len(examples.day))
    count, weight = examples.count[held_out], examples.weight[held_out]
    if not (examples.count[learn].any() and count.any()):
        return TreeValidation(0, 0.0, 0.0), np.zeros(len(count))
    booster = lgb.train(
        _parameters(recipe, settings),
        _dataset(examples, matrix, log_rate, learn),
        _MOST_ROUNDS,
        valid_sets=[_dataset(examples, matrix, log_rate, held_out)],
        callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
    )
    correction = booster.predict(matrix[held_out], raw_score=True, num_iteration=booster.best_iteration)
    gain = weight * (count * correction - np.exp(log_rate[held_out]) * np.expm1(correction))
    daily = np.bincount(examples.day[held_out] - first, gain, len(examples.days) - first)
    incidents = float(count.sum())
    error = float(daily.std(ddof=1) * np.sqrt(len(daily)) / incidents) if len(daily) > 1 else float("inf")
    return TreeValidation(booster.best_iteration, float(daily.sum()) / incidents, error), correction


def grow(
    recipe: Recipe, examples: Examples, matrix: np.ndarray, log_rate: np.ndarray, settings: Settings, *, rounds: int
) -> str:
    """Grow trees on every example; returns LightGBM's model text."""
    booster = lgb.train(_parameters(recipe, settings), _dataset(examples, matrix, log_rate, slice(None)), rounds)
    return booster.model_to_string()


def _parameters(recipe: Recipe, settings: Settings) -> dict[str, Any]:
    return {**settings.parameters(), "monotone_constraints": Features(recipe).rising}


def _bandwidth_m(name: str) -> float:
    return float(name.rpartition("/")[2].removesuffix(" m"))


def _dataset(examples: Examples, matrix: np.ndarray, log_rate: np.ndarray, rows: slice) -> lgb.Dataset:
    return lgb.Dataset(matrix[rows], examples.count[rows], weight=examples.weight[rows], init_score=log_rate[rows])
