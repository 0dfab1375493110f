"""The interface of every forecasting method, ours or a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol, Self

import numpy as np

from ml.models.distribution import Spread
from ml.models.validation import TrainingCache
from ml.panel.panel import Panel


class Method(Protocol):
    """A way to forecast counts per cell."""

    @property
    def name(self) -> str:
        """Name shown in tables."""
        ...

    @property
    def spread(self) -> Spread:
        """How much counts vary around their expectation; ``POISSON`` where no more than by chance."""
        ...

    def fit(self, panel: Panel, through: date, horizon_days: int = 1, cache: TrainingCache | None = None) -> Self:
        """Learn from the days up to and including ``through``; returns the fitted method.

        Args:
            panel: the history; days after ``through`` are ignored.
            through: last day to learn from.
            horizon_days: how far ahead will be forecast.
            cache: results shared by several fits on the same panel; None shares nothing.
        """
        ...

    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells); a day sees the panel up to ``horizon_days`` before it."""
        ...
