"""Baselines: simple maps that a forecast has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from ml.features.recency import memories
from ml.features.smoothing import Smoother
from ml.models.distribution import POISSON, Spread
from ml.models.risk_map import RiskMap, recent_level
from ml.models.validation import TrainingCache
from ml.panel.panel import Panel


@dataclass(frozen=True)
class Flat:
    """The mean of the last 28 days, the same in every cell."""

    name: str = "flat"
    spread: Spread = POISSON

    def fit(
        self,
        panel: Panel,  # noqa: ARG002
        through: date,  # noqa: ARG002
        horizon_days: int = 1,  # noqa: ARG002
        cache: TrainingCache | None = None,  # noqa: ARG002
    ) -> Self:
        """Nothing to learn."""
        return self

    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells)."""
        levels = np.array([recent_level(panel, day, horizon_days) for day in days])
        return np.repeat(levels[:, None] / len(panel.cells), len(panel.cells), axis=1)


@dataclass(frozen=True)
class Mean(RiskMap):
    """The mean of each cell's last days.

    Attributes:
        window_days: how many days; None for all.
    """

    window_days: int | None = 28
    name: str = "mean_28d"

    @classmethod
    def of(cls, window_days: int) -> Self:
        """The mean of this many days."""
        return cls(window_days=window_days, name=f"mean_{window_days}d")

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the mean before each day."""
        window = self.window_days or panel.days
        yield from (panel.mean_before(day, window, horizon_days) for day in days)


@dataclass(frozen=True)
class WeekdayMean(RiskMap):
    """The mean of each cell on the same weekday of the last weeks.

    Attributes:
        windows_weeks: how many weeks; before ``fit`` all candidates.
    """

    windows_weeks: tuple[int, ...] = (13, 52, 156, 520)
    name: str = "mean_weekday"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Every window."""
        return [replace(self, windows_weeks=(weeks,)) for weeks in self.windows_weeks]

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the mean of each day's weekday."""
        for day in days:
            latest = panel.end_row(day, horizon_days) - 1
            latest -= (latest - panel.index(day)) % 7
            rows = latest - 7 * np.arange(self.windows_weeks[0])
            rows = rows[rows >= 0]
            yield np.asarray(panel.target[rows].sum(axis=0)).ravel() / max(len(rows), 1)


@dataclass(frozen=True)
class ExponentialDecay(RiskMap):
    """A mean of each cell's days with weights that halve (Gardner, Exponential smoothing: the state of the art, 1985).

    Attributes:
        half_lives_days: after how many days an incident counts half; before ``fit`` all candidates.
    """

    half_lives_days: tuple[float, ...] = (7, 14, 30, 60, 120, 240, 480, 960, 1920)
    name: str = "exponential_decay"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Every half-life."""
        return [replace(self, half_lives_days=(half_life,)) for half_life in self.half_lives_days]

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the mean before each day."""
        ends = [panel.end_row(day, horizon_days) for day in days]
        yield from (memory[0] for memory in memories(panel.target, self.half_lives_days[:1], ends))


@dataclass(frozen=True)
class KernelDensity(RiskMap):
    """A Gaussian kernel density of the last days.

    The hotspot map common in practice (Chainey, Tompson & Uhlig, The utility of hotspot mapping for predicting spatial
    patterns of crime, 2008).

    Attributes:
        windows_days: how many days; before ``fit`` all candidates.
        bandwidths_m: standard deviations of the Gaussian, metres; likewise.
    """

    windows_days: tuple[int, ...] = (28, 91, 365, 1095, 3650)
    bandwidths_m: tuple[float, ...] = (60, 125, 250, 500, 1000)
    name: str = "kernel_density"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Every window with every bandwidth."""
        return [
            replace(self, windows_days=(window,), bandwidths_m=(bandwidth,))
            for window in self.windows_days
            for bandwidth in self.bandwidths_m
        ]

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the density before each day."""
        smoother = Smoother(panel.cells, self.bandwidths_m[:1])
        for day in days:
            mean = panel.mean_before(day, self.windows_days[0], horizon_days)
            yield smoother.spread(mean[None], 0)[0].astype(np.float64)
