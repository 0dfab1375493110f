"""Turn a map of risk into a forecast, with the settings that did best on past days."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import numpy as np

from ml.models.determinism import one_thread
from ml.models.distribution import POISSON, Spread
from ml.models.mixture import mixture_weights
from ml.models.validation import TrainingCache
from ml.panel.panel import Panel

_SPAN_DAYS = 364
_FEWEST_DAYS, _MOST_DAYS = 60, 182
_WANTED_INCIDENTS = 2500
_LEVEL_DAYS = 28
_LEAST_LEVEL = 1e-9
# bounds of the even share: no cell may have a risk of 0, and every map ranks the cells
_LEAST_EVEN, _MOST_EVEN = 1e-3, 1 - 1e-3


@dataclass(frozen=True)
class RiskMap(ABC):
    """A forecast from a map of risk: the share of each cell times the mean of the city's last 28 days.

    The share is mixed with an even one by the weight that is most likely on past days, and among the candidate settings
    the one with the best log-score on those days is kept. The order of the cells stays that of the risk.

    Attributes:
        evenly: weight of the even share.
    """

    name: str = ""
    evenly: float = 0.5
    spread: Spread = POISSON

    @abstractmethod
    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the risk of each day, (cells,), none negative, from what is known ``horizon_days`` before it."""

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Settings to choose from."""
        return [self]

    @one_thread
    def fit(
        self,
        panel: Panel,
        through: date,
        horizon_days: int = 1,
        cache: TrainingCache | None = None,  # noqa: ARG002
    ) -> Self:
        """Choose settings and even share by log-score on days of the last year."""
        history = panel.until(through + timedelta(days=1))
        days = tuning_days(history, horizon_days)
        assessed = [
            candidate.assessed(history, days, horizon_days) for candidate in self.candidates(history, horizon_days)
        ]
        return max(assessed, key=lambda pair: pair[1])[0]

    @one_thread
    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        shares = self._shares(panel, days, horizon_days)
        mixed = ((1 - self.evenly) * share + self.evenly / share.size for share in shares)
        return np.stack(
            [recent_level(panel, day, horizon_days) * share for day, share in zip(days, mixed, strict=True)]
        )

    def assessed(self, history: Panel, days: Sequence[date], horizon_days: int) -> tuple[Self, float]:
        """The same map with the most likely even share, and its log-score on these days."""
        shares, counts = [np.empty(0)], [np.empty(0)]
        for day, share in zip(days, self._shares(history, days, horizon_days), strict=True):
            count = history.counts(day)
            happened = count > 0
            shares.append(share[happened])
            counts.append(count[happened])
        share, count = np.concatenate(shares), np.concatenate(counts)
        if not count.size:
            return self, 0.0
        even = 1.0 / len(history.cells)
        weights = mixture_weights(np.column_stack([share, np.full(share.size, even)]), count)
        evenly = float(np.clip(weights[1], _LEAST_EVEN, _MOST_EVEN))
        return replace(self, evenly=evenly), float(count @ np.log((1 - evenly) * share + evenly * even))

    def _shares(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        for risk in self.risks(panel, days, horizon_days):
            total = float(risk.sum())
            yield risk / total if total > 0 else np.full(risk.size, 1.0 / risk.size)


def recent_level(panel: Panel, day: date, horizon_days: int) -> float:
    """Mean daily incidents of the city over the last 28 days that a forecast of ``day`` can see; never 0."""
    return max(float(panel.mean_before(day, _LEVEL_DAYS, horizon_days).sum()), _LEAST_LEVEL)


def tuning_days(history: Panel, horizon_days: int) -> list[date]:
    """Days of the last year to choose settings on, evenly spaced: more of them where incidents are rare.

    The step is never a multiple of 7, so that every weekday is assessed.
    """
    first = max(horizon_days, history.days - _SPAN_DAYS)
    daily = max(float(history.totals[first:].mean()) if history.days > first else 0.0, 1e-9)
    wanted = float(np.clip(_WANTED_INCIDENTS / daily, _FEWEST_DAYS, _MOST_DAYS))
    step = max(1, int((history.days - first) / wanted))
    step -= step % 7 == 0
    return [history.first_day + timedelta(days=row) for row in reversed(range(history.days - 1, first - 1, -step))]
