"""Gradient-boosted trees that correct the blend: LightGBM, Poisson, started from the blend's log-rate."""

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
# share of the days that the trees learn from when they are judged on the rest
LEARNED = 0.75
_FLOOR = 0.02
_WIDEST_M = 500.0
_OWN_RECENT = f"{TARGET}/{every_day.__name__}/"
_CALENDAR = ("log blend", "log level", "weekday", "sine of year", "cosine of year")


@dataclass(frozen=True)
class Features:
    """What a tree sees of a cell-day; everything of it is known before the day.

    Attributes:
        recipe: the components there are.
    """

    recipe: Recipe

    @cached_property
    def components(self) -> list[int]:
        """Positions of the densities used, as logs of their ratio to the blend: the tilted, others to 500 m wide."""
        wide = {name for memory in self.recipe.mixed for name in memory.names() if _bandwidth_m(name) > _WIDEST_M}
        left_out = wide | {self.recipe.mixed_names[-1], *self.recipe.context}
        return [place for place, name in enumerate(self.recipe.names) if name not in left_out]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        return (*_CALENDAR, *(self.recipe.names[place] for place in self.components), *self.recipe.context)

    @property
    def rising(self) -> list[int]:
        """One per column: 1 where more of it never means fewer incidents, so that no tree learns that by chance."""
        return [int(name == "log blend" or name.startswith(_OWN_RECENT)) for name in self.names]

    def matrix(
        self, density: np.ndarray, blend: np.ndarray, level: np.ndarray, day: np.ndarray, days: Sequence[date]
    ) -> np.ndarray:
        """Feature matrix, (rows, features) float32.

        Args:
            density: (rows, components) densities and context.
            blend: (rows,) blended density relative to an even spread.
            level: (rows,) expected incidents of the day in the whole city.
            day: (rows,) position in ``days``.
            days: local days.
        """
        turn = 2 * np.pi * np.array([d.timetuple().tm_yday for d in days]) / 365.25
        weekday = np.array([d.weekday() for d in days], dtype=np.float32)
        first, last = len(_CALENDAR), len(_CALENDAR) + len(self.components)
        found = np.empty((len(blend), last + len(self.recipe.context)), dtype=np.float32)
        found[:, 0] = np.log(blend)
        found[:, 1] = np.log(level)
        found[:, 2:first] = np.column_stack([weekday, np.sin(turn), np.cos(turn)])[day]
        evenly = density[:, [len(self.recipe.mixed_names) - 1]]
        ratio = density[:, self.components] / evenly + np.float32(_FLOOR)
        np.log(ratio / (blend + _FLOOR).astype(np.float32)[:, None], out=found[:, first:last])
        found[:, last:] = density[:, len(self.recipe.names) - len(self.recipe.context) :]
        return found


@dataclass(frozen=True)
class Validation:
    """How the trees did against the blend on later days than they learned from.

    Attributes:
        rounds: boosting rounds that did best.
        gain: log-score gained per incident.
        standard_error: of the gain, over days.
    """

    rounds: int
    gain: float
    standard_error: float

    @property
    def is_won(self) -> bool:
        """Whether the trees beat the blend by more than chance would, two standard errors."""
        return self.rounds > 0 and self.gain > 2 * self.standard_error


def validate(
    recipe: Recipe, examples: Examples, matrix: np.ndarray, log_rate: np.ndarray, settings: Settings
) -> tuple[Validation, np.ndarray]:
    """Grow trees on earlier days and judge them on later ones, stopping early.

    Args:
        recipe: what the features are made of.
        examples: the sampled cell-days.
        matrix: their features, (rows, features).
        log_rate: (rows,) the blend's log expected count.
        settings: how they are grown.

    Returns:
        The verdict, and the trees' log-correction of the judged rows, the last ones.
    """
    first = round(LEARNED * len(examples.days))
    learn = slice(0, int(np.searchsorted(examples.day, first)))
    judge = slice(learn.stop, len(examples.day))
    count, weight = examples.count[judge], examples.weight[judge]
    if not (examples.count[learn].any() and count.any()):
        return Validation(0, 0.0, 0.0), np.zeros(len(count))
    booster = lgb.train(
        _parameters(recipe, settings),
        _dataset(examples, matrix, log_rate, learn),
        _MOST_ROUNDS,
        valid_sets=[_dataset(examples, matrix, log_rate, judge)],
        callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
    )
    correction = booster.predict(matrix[judge], raw_score=True, num_iteration=booster.best_iteration)
    gain = weight * (count * correction - np.exp(log_rate[judge]) * np.expm1(correction))
    daily = np.bincount(examples.day[judge] - first, gain, len(examples.days) - first)
    incidents = float(count.sum())
    error = float(daily.std(ddof=1) * np.sqrt(len(daily)) / incidents) if len(daily) > 1 else float("inf")
    return Validation(booster.best_iteration, float(daily.sum()) / incidents, error), correction


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
