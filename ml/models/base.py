"""What every forecasting method is, ours or a baseline: one object with ``fit`` and ``predict``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Protocol, Self

import numpy as np

from ml.models.distribution import Spread
from ml.panel.panel import Panel


class Method(Protocol):
    """A way to forecast counts per cell."""

    @property
    def name(self) -> str:
        """Name in tables."""
        ...

    @property
    def spread(self) -> Spread:
        """How much counts vary around what is expected; ``POISSON`` where not at all beyond chance."""
        ...

    def fit(self, panel: Panel, through: date, horizon_days: int = 1) -> Self:
        """Learn from the days up to and with ``through``; returns the fitted method."""
        ...

    def predict(self, panel: Panel, days: Sequence[date], horizon_days: int = 1) -> np.ndarray:
        """Expected counts, (days, cells); a day sees the panel up to the day ``horizon_days`` before it."""
        ...
