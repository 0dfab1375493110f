"""Gradient-boosted trees that correct the blend: LightGBM, Poisson, started from the blend's log-rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import lightgbm as lgb
import numpy as np

from ml.examples import Examples

THREADS = 1
# the settings are part of what a model is; one thread and row-wise histograms give the same bits every time
SETTINGS = {
    "objective": "poisson",
    "metric": "poisson",
    "learning_rate": 0.04,
    "num_leaves": 15,
    "min_data_in_leaf": 100,
    "lambda_l2": 10.0,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "max_bin": 63,
    "seed": 1,
    "num_threads": THREADS,
    "deterministic": True,
    "force_row_wise": True,
    "verbose": -1,
}
_MOST_ROUNDS = 300
_PATIENCE = 25
# shares of the days: learn before the first, judge between the two
FIRST_JUDGED = 0.6
_FOLDS = ((FIRST_JUDGED, 0.8), (0.8, 1.0))
_FLOOR = 0.02


@dataclass(frozen=True)
class Features:
    """What a tree sees of a cell-day; everything of it is known before the day.

    Attributes:
        components: positions of the densities used, each as the log of its ratio to the blend.
        names: one name per column.
    """

    components: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, component_names: Sequence[str]) -> Features:
        """Densities spread by at most 500 m, beside the blend itself, the level and the calendar."""
        used = tuple(k for k, name in enumerate(component_names) if name.endswith(("/0 m", "/250 m", "/500 m")))
        calendar = ("log blend", "log level", "weekday", "sine of year", "cosine of year")
        return cls(used, (*calendar, *(component_names[k] for k in used)))

    def matrix(
        self, density: np.ndarray, blend: np.ndarray, level: np.ndarray, day: np.ndarray, days: Sequence[date]
    ) -> np.ndarray:
        """Feature matrix, (rows, features) float32.

        Args:
            density: (rows, components) densities.
            blend: (rows,) blended density relative to an even spread.
            level: (rows,) expected incidents of the day in the whole city.
            day: (rows,) position in ``days``.
            days: local days.
        """
        turn = 2 * np.pi * np.array([d.timetuple().tm_yday for d in days]) / 365.25
        weekday = np.array([d.weekday() for d in days], dtype=np.float32)
        found = np.empty((len(blend), len(self.names)), dtype=np.float32)
        found[:, 0] = np.log(blend)
        found[:, 1] = np.log(level)
        found[:, 2:5] = np.column_stack([weekday, np.sin(turn), np.cos(turn)])[day]
        evenly = density[:, [-1]]
        ratio = density[:, list(self.components)] / evenly + _FLOOR
        found[:, 5:] = np.log(ratio / (blend + _FLOOR)[:, None])
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


def validate(examples: Examples, matrix: np.ndarray, log_rate: np.ndarray) -> Validation:
    """Grow trees on earlier days and judge them on later ones, stopping early.

    Args:
        examples: the sampled cell-days.
        matrix: their features, (rows, features).
        log_rate: (rows,) the blend's log expected count.
    """
    rounds, gains, incidents = [], [], []
    for learn_share, judge_share in _FOLDS:
        first, end = (round(share * len(examples.days)) for share in (learn_share, judge_share))
        learn = slice(0, np.searchsorted(examples.day, first))
        judge = slice(learn.stop, np.searchsorted(examples.day, end))
        if not (examples.count[learn].any() and examples.count[judge].any()):
            continue
        booster = lgb.train(
            SETTINGS,
            _dataset(examples, matrix, log_rate, learn),
            _MOST_ROUNDS,
            valid_sets=[_dataset(examples, matrix, log_rate, judge)],
            callbacks=[lgb.early_stopping(_PATIENCE, verbose=False)],
        )
        rounds.append(booster.best_iteration)
        correction = booster.predict(matrix[judge], raw_score=True, num_iteration=booster.best_iteration)
        before, count, weight = log_rate[judge], examples.count[judge], examples.weight[judge]
        gain = weight * (count * correction - np.exp(before) * np.expm1(correction))
        gains.append(np.bincount(examples.day[judge] - first, gain, end - first))
        incidents.append(count.sum())
    if not gains:
        return Validation(0, 0.0, 0.0)
    daily, total = np.concatenate(gains), float(np.sum(incidents))
    error = float(daily.std(ddof=1) * np.sqrt(len(daily)) / total) if len(daily) > 1 else float("inf")
    return Validation(round(float(np.mean(rounds))), float(daily.sum() / total), error)


def grow(examples: Examples, matrix: np.ndarray, log_rate: np.ndarray, rounds: int) -> str:
    """Grow trees on every example; returns LightGBM's model text."""
    booster = lgb.train(SETTINGS, _dataset(examples, matrix, log_rate, slice(None)), rounds)
    return booster.model_to_string()


def _dataset(examples: Examples, matrix: np.ndarray, log_rate: np.ndarray, rows: slice) -> lgb.Dataset:
    return lgb.Dataset(matrix[rows], examples.count[rows], weight=examples.weight[rows], init_score=log_rate[rows])
