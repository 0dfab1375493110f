"""The city's level: the expected incidents of a day, from recent means, the weekday and the season."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ml.panel.panel import Panel

HALF_LIVES_DAYS = (7.0, 28.0, 365.0)
BURN_IN_DAYS = 28
_ITERATIONS = 25
# prior standard deviations of the log-effects: how far each may move the level without evidence; a year's mean changes
# so slowly that a few years say little about whether the level returns to it
_PRIOR_SD = {"last week": 0.5, "last year": 0.1, "weekday": 0.2, "season": 0.1, "month start": 0.3, "context": 0.1}


@dataclass(frozen=True)
class Level:
    """A Poisson regression of the day's total, shrunk towards the 28-day exponential mean.

    Attributes:
        coefficients: log-effects in the order of :func:`_design`.
        scales: name, mean and standard deviation of each context of the day, over the days learned from.
    """

    coefficients: tuple[float, ...]
    scales: tuple[tuple[str, float, float], ...] = ()

    @classmethod
    def fit(cls, history: Panel, horizon_days: int = 1) -> Level:
        """Fit on every day after the burn-in, each seen ``horizon_days`` ahead.

        Args:
            history: the days to learn from.
            horizon_days: distance between the last day seen and the day forecast.
        """
        rows = np.arange(cls.first_row(horizon_days), history.days)
        scales = _scales(history)
        effects = (*_EFFECTS, *(("context", 1) for _ in scales))
        penalty = np.repeat([1.0 / _PRIOR_SD[kind] ** 2 for kind, _ in effects], [size for _, size in effects])
        beta = np.zeros(len(penalty))
        if len(rows) == 0:
            return cls(tuple(beta.tolist()), scales)
        offset, design = _design(history, rows, horizon_days, scales)
        count = history.totals[rows]
        overdispersion = 1.0
        for _ in range(_ITERATIONS):
            mean = np.exp(offset + design @ beta)
            overdispersion = max(1.0, float(np.mean((count - mean) ** 2 / np.maximum(mean, 1e-9))))
            gradient = design.T @ (count - mean) / overdispersion - penalty * beta
            curvature = (design * mean[:, None]).T @ design / overdispersion + np.diag(penalty)
            step = np.linalg.solve(curvature, gradient)
            beta = beta + np.clip(step, -0.5, 0.5)
            if np.max(np.abs(step)) < 1e-9:
                break
        return cls(tuple(beta.tolist()), scales)

    @staticmethod
    def first_row(horizon_days: int) -> int:
        """First row of a history with enough days before it."""
        return BURN_IN_DAYS + horizon_days - 1

    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected incidents of each day, (days,), from totals at least ``horizon_days`` before it."""
        rows = np.array([panel.index(day) for day in days])
        offset, design = _design(panel, rows, horizon_days, self.scales)
        return np.exp(offset + design @ np.array(self.coefficients))


_EFFECTS = (("last week", 1), ("last year", 1), ("weekday", 7), ("season", 4), ("month start", 2))


def _scales(history: Panel) -> tuple[tuple[str, float, float], ...]:
    """Mean and standard deviation of each context that is the same in the whole city and differs between days."""
    days = [history.first_day + timedelta(days=row) for row in range(history.days)]
    scales = []
    for known in history.context:
        values = np.concatenate([known.on(day) for day in days]) if known.is_of_the_day and days else np.zeros(1)
        spread = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
        if spread > 0:
            scales.append((known.name, float(np.nanmean(values)), spread))
    return tuple(scales)


def _design(
    panel: Panel, rows: np.ndarray, horizon_days: int, scales: Sequence[tuple[str, float, float]]
) -> tuple[np.ndarray, np.ndarray]:
    """Offset (n,) and design (n, effects) of the days at ``rows``; row r sees ``totals[: r - horizon_days + 1]``."""
    means = np.log(_exponential_means(panel.totals, rows - horizon_days + 1))
    offset = means[:, 1]
    recent = means[:, [0, 2]] - offset[:, None]
    days = [panel.first_day + timedelta(days=int(row)) for row in rows]
    weekday = np.eye(7)[[day.weekday() for day in days]]
    turn = 2 * np.pi * np.array([day.timetuple().tm_yday for day in days]) / 365.25
    season = np.column_stack([np.sin(turn), np.cos(turn), np.sin(2 * turn), np.cos(2 * turn)])
    # records whose day is unknown are often dated the first of the month or of the year
    month_start = np.array([(day.day == 1, day.day == 1 and day.month == 1) for day in days], dtype=np.float64)
    context = {known.name: known for known in panel.context}
    of_context = [
        np.nan_to_num((np.concatenate([context[name].on(day) for day in days]) - mean) / spread)
        for name, mean, spread in scales
    ]
    return offset, np.column_stack([recent, weekday, season, month_start, *of_context])


def _exponential_means(totals: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """(n, half-lives) exponential means of the totals before each end; a hundredth of an incident where all are 0."""
    keep = 0.5 ** (1.0 / np.array(HALF_LIVES_DAYS))
    last = int(ends.max())
    sums, weights = np.zeros((last + 1, len(keep))), np.zeros((last + 1, len(keep)))
    for day in range(last):
        today = totals[day] if day < len(totals) else 0.0
        sums[day + 1] = sums[day] * keep + today
        weights[day + 1] = weights[day] * keep + 1.0
    return np.maximum(sums[ends] / np.maximum(weights[ends], 1.0), 0.01)
