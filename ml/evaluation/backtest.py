"""The engine of every backtest: a rolling origin, each day forecast by every method from what was known before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

import numpy as np

from ml.evaluation.metrics import DayScore, score_day
from ml.models.base import Method
from ml.models.baselines import Flat
from ml.models.distribution import Spread
from ml.models.validation import TrainingCache
from ml.panel.history import Known
from ml.panel.panel import Panel

KnownOf = Callable[[date], Known]
"""Returns what a forecast of a day may use."""


@dataclass(frozen=True, eq=False)
class DayForecast:
    """One method's forecast of one day and its score.

    Attributes:
        expected: (cells,) expected counts.
        spread: of the predictive distribution, see :class:`ml.models.distribution.Spread`.
    """

    method: str
    day: date
    horizon_days: int
    expected: np.ndarray
    spread: Spread
    score: DayScore


def rolling_forecasts(
    methods: Sequence[Method],
    known: KnownOf,
    *,
    truth: Panel,
    first_day: date,
    last_day: date,
    refit_days: int = 28,
) -> Iterator[DayForecast]:
    """Forecast and score every day of ``[first_day, last_day]`` with every method.

    Methods are refitted every ``refit_days`` on what was known on the first day of each block; predictions use each
    day's own panel.

    Args:
        methods: unfitted methods.
        known: returns the panel as known on the morning of a day and how far behind the day it ends; days that
            share both are predicted in one pass.
        truth: what happened.
        first_day: first day forecast.
        last_day: last day forecast.
        refit_days: days between two fits.

    Yields:
        Per day, one forecast per method, in the order of ``methods``.
    """
    cache = TrainingCache()
    for start in _every(first_day, last_day, refit_days):
        end = min(start + timedelta(days=refit_days - 1), last_day)
        seen = known(start)
        fitted = [
            method.fit(seen.panel, start - timedelta(days=seen.horizon_days), seen.horizon_days, cache)
            for method in methods
        ]
        for days, panel, horizon_days in _sharing(known, _every(start, end, 1)):
            flat = Flat().predict(panel, days, horizon_days)
            expected = [method.predict(panel, days, horizon_days) for method in fitted]
            for position, day in enumerate(days):
                observed = truth.counts(day)
                for method, maps in zip(fitted, expected, strict=True):
                    score = score_day(maps[position], flat[position], observed, day)
                    yield DayForecast(method.name, day, horizon_days, maps[position], method.spread, score)


def _sharing(known: KnownOf, days: Iterator[date]) -> Iterator[tuple[list[date], Panel, int]]:
    """Group consecutive days that see the same panel at the same horizon."""
    seen = ((day, known(day)) for day in days)
    for _, run in groupby(seen, key=lambda pair: (id(pair[1].panel), pair[1].horizon_days)):
        together = list(run)
        yield [day for day, _ in together], together[0][1].panel, together[0][1].horizon_days


def _every(first_day: date, last_day: date, step_days: int) -> Iterator[date]:
    day = first_day
    while day <= last_day:
        yield day
        day += timedelta(days=step_days)
