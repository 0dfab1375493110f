"""What the model learns from: sampled days, every cell with an incident, a weighted sample of those without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ml import components
from ml.panel import Panel

_SEED = 20_160_101
_ZEROS_PER_INCIDENT = 3.0
_SPAN_DAYS = 3 * 365
_BURN_IN_DAYS = 28
_WANTED_INCIDENTS = 40_000
_FEWEST_DAYS, _MOST_DAYS = 160, 420


@dataclass(frozen=True, eq=False)
class Examples:
    """Sampled cell-days, ordered by day.

    Attributes:
        days: the sampled local days, ascending.
        day: (rows,) position in ``days``.
        cell: (rows,) position among the cells.
        count: (rows,) incidents.
        weight: (rows,) how many cell-days the row stands for.
        density: (rows, components) float32 densities known before the day.
    """

    days: tuple[date, ...]
    day: np.ndarray
    cell: np.ndarray
    count: np.ndarray
    weight: np.ndarray
    density: np.ndarray

    def between(self, first: int, end: int) -> Examples:
        """The rows of the days at positions ``[first, end)``."""
        rows = slice(*np.searchsorted(self.day, [first, end]))
        return Examples(
            self.days[first:end],
            self.day[rows] - first,
            self.cell[rows],
            self.count[rows],
            self.weight[rows],
            self.density[rows],
        )


def training_days(panel: Panel, horizon_days: int) -> list[date]:
    """Days to learn from: evenly spaced over the last three years, more of them where incidents are rare.

    The step is never a multiple of 7, so that every weekday is seen.
    """
    first = max(_BURN_IN_DAYS + horizon_days - 1, panel.days - _SPAN_DAYS, panel.days // 6)
    daily = max(float(panel.totals.mean()) if panel.days else 0.0, 1e-9)
    wanted = int(np.clip(_WANTED_INCIDENTS / daily, _FEWEST_DAYS, _MOST_DAYS))
    step = max(1, -(-(panel.days - first) // wanted))
    step += step % 7 == 0
    rows = range(panel.days - 1, first - 1, -step)
    return [panel.first_day + timedelta(days=row) for row in reversed(rows)]


def sample(panel: Panel, days: Sequence[date], horizon_days: int = 1) -> Examples:
    """Draw the examples of these days; the same panel gives the same draw.

    Zeros are drawn more often where risk is higher (a mean of the densities and of an even spread), and weighted by the
    inverse of their chance, so that sums over the sample estimate sums over all cell-days without bias
    (Horvitz & Thompson 1952).
    """
    random = np.random.default_rng(_SEED)
    zeros = _ZEROS_PER_INCIDENT * max(float(panel.totals.mean()), 1.0)
    rows: list[tuple[np.ndarray, ...]] = []
    for position, (day, density) in enumerate(zip(days, components.densities(panel, days, horizon_days), strict=True)):
        count = panel.counts(day)
        chance = np.minimum(zeros * (density.mean(axis=0) + density[-1]) / 2, 1.0).astype(np.float64)
        drawn = random.random(len(count)) < chance
        cell = np.flatnonzero((count > 0) | drawn)
        weight = np.where(count[cell] > 0, 1.0, 1.0 / chance[cell])
        rows.append((np.full(len(cell), position), cell, count[cell], weight, density[:, cell].T))
    return Examples(tuple(days), *(np.concatenate(column) for column in zip(*rows, strict=True)))
