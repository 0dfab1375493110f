"""What a forecast has to beat: simple maps that anyone could draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import numpy as np

from ml.panel import Panel
from ml.predictive import POISSON, Spread
from ml.smoothing import Smoother
from ml.threads import one_thread

# a density's share of the city's mean, days: no map may call an incident impossible
_FLAT_DAYS = 1.0
_LEAST_DAILY_TOTAL = 1e-9


class Untrained:
    """A method that has nothing to learn."""

    def fit(self, panel: Panel, through: date, horizon_days: int = 1) -> Self:  # noqa: ARG002
        """Nothing to learn."""
        return self


@dataclass(frozen=True)
class Flat(Untrained):
    """The mean of the last 28 days, the same in every cell: what is known without a map."""

    name: str = "flat"
    window_days: int = 28
    spread: Spread = POISSON

    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        cells = len(panel.cells)
        daily = [_window(panel, day, self.window_days, horizon_days)[0].mean() for day in days]
        return np.repeat(np.maximum(daily, _LEAST_DAILY_TOTAL / cells)[:, None], cells, axis=1)


@dataclass(frozen=True)
class Mean(Untrained):
    """The mean of each cell's last days, shrunk to the city's mean as far as its scatter is chance.

    The shrinkage (Marshall, Mapping disease and mortality rates using empirical Bayes estimators, 1991) keeps the order
    of the cells and spares a plain mean the certainty that nothing happens where nothing did.
    """

    window_days: int
    spread: Spread = POISSON

    @property
    def name(self) -> str:
        """``mean_<days>d``."""
        return f"mean_{self.window_days}d"

    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        return np.stack([_shrunk(*_window(panel, day, self.window_days, horizon_days)) for day in days])


@dataclass(frozen=True)
class KernelDensity:
    """A Gaussian kernel density of the last days, the window and bandwidth that did best on the 28 days before.

    The hotspot map of practice (Chainey, Tompson & Uhlig 2008), given its best chance.
    """

    windows_days: tuple[int, ...] = (28, 90, 365)
    bandwidths_m: tuple[float, ...] = (250, 500, 1000)
    name: str = "kernel_density"
    spread: Spread = POISSON

    @one_thread
    def fit(self, panel: Panel, through: date, horizon_days: int = 1) -> Self:
        """Choose window and bandwidth by log-score on the last 28 days."""
        history = panel.until(through + timedelta(days=1))
        days = [through - timedelta(days=back) for back in range(27, -1, -1) if history.index(through) - back > 0]
        if not days:
            return self._of(self.windows_days[0], self.bandwidths_m[0])
        observed = np.stack([history.counts(day) for day in days])
        candidates = [self._of(window, bandwidth) for window in self.windows_days for bandwidth in self.bandwidths_m]
        scores = []
        for candidate in candidates:
            expected = candidate.predict(history, days, horizon_days)
            scores.append(float(np.sum(observed * np.log(expected) - expected)))
        return candidates[int(np.argmax(scores))]

    @one_thread
    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        window, smoother = self.windows_days[0], Smoother(panel.cells, self.bandwidths_m[:1])
        means = np.stack([_window(panel, day, window, horizon_days)[0] for day in days])
        smooth = smoother.spread(means, 0).astype(np.float64)
        flat = np.maximum(smooth.mean(axis=1, keepdims=True), _LEAST_DAILY_TOTAL / len(panel.cells))
        return (smooth * window + flat * _FLAT_DAYS) / (window + _FLAT_DAYS)

    def _of(self, window_days: int, bandwidth_m: float) -> Self:
        return replace(self, windows_days=(window_days,), bandwidths_m=(bandwidth_m,))


def _window(panel: Panel, day: date, window_days: int, horizon_days: int) -> tuple[np.ndarray, int]:
    """Mean daily counts of the last days a forecast of ``day`` can see, (cells,), and how many days those are."""
    end = min(max(panel.index(day) - horizon_days + 1, 0), panel.days)
    begin = max(end - window_days, 0)
    return np.asarray(panel.target[begin:end].sum(axis=0)).ravel() / max(end - begin, 1), end - begin


def _shrunk(mean: np.ndarray, seen_days: int) -> np.ndarray:
    """Means (cells,) drawn to their own mean by the share of their variance that Poisson chance explains."""
    flat = max(float(mean.mean()), _LEAST_DAILY_TOTAL / mean.size)
    chance = flat / max(seen_days, 1)
    kept = max(0.0, 1.0 - chance / max(float(mean.var()), chance))
    return np.maximum(flat + kept * (mean - flat), flat * 1e-3)
