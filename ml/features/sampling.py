"""Training examples: on sampled days, every cell with an incident and a weighted sample of those without.

The examples of a day depend only on that day and the days before it, so later fits on the same panel can reuse them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ml.features import densities
from ml.features.densities import Recipe
from ml.panel.panel import Panel

_SEED = 20_160_101
_ZEROS_PER_INCIDENT = 3.0
_FEWEST_ZEROS_A_DAY = 100.0
_RATE_DAYS = 365
_SPAN_DAYS = 3 * 365
_BURN_IN_DAYS = 28
_BURN_IN_SHARE = 0.5
_MOST_BURN_IN_DAYS = 730
_WANTED_INCIDENTS = 80_000
_STEPS_DAYS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40)


@dataclass(frozen=True, eq=False)
class Examples:
    """Sampled cell-days, ordered by day.

    Attributes:
        days: the sampled local days, ascending.
        day: (rows,) position in ``days``.
        cell: (rows,) position among the cells.
        count: (rows,) incidents.
        weight: (rows,) how many cell-days the row stands for.
        density: (rows, densities) float32 densities known before the day.
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


DayRows = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Cells, counts, weights and densities (rows, densities) of one day's examples."""


def training_days(panel: Panel, horizon_days: int) -> list[date]:
    """Days to learn from: all of the last three years where incidents are rare, every 2nd, 3rd, … where they are many.

    The first half of a history, at most two years, only fills the exponential means: days with little history before
    them teach nothing about days with much. The days lie on a fixed lattice of the calendar, whichever day is the last
    one, and its step shares no factor with the week.
    """
    burn_in = min(max(_BURN_IN_DAYS, int(panel.days * _BURN_IN_SHARE)), _MOST_BURN_IN_DAYS)
    first = max(burn_in + horizon_days - 1, panel.days - _SPAN_DAYS)
    incidents = float(panel.totals[first:].sum())
    step = next((step for step in _STEPS_DAYS if incidents / step <= _WANTED_INCIDENTS), _STEPS_DAYS[-1])
    days = (panel.first_day + timedelta(days=row) for row in range(first, panel.days))
    return [day for day in days if day.toordinal() % step == 0]


def sample(
    recipe: Recipe,
    panel: Panel,
    days: Sequence[date],
    horizon_days: int = 1,
    known: dict[date, DayRows] | None = None,
) -> Examples:
    """Draw the examples of these days; the same panel always gives the same draw.

    Zeros are drawn more often where risk is higher (a mean of the densities and of an even spread), and weighted by the
    inverse of their chance, so that sums over the sample estimate sums over all cell-days without bias
    (Horvitz & Thompson 1952).

    Args:
        recipe: the densities to compute.
        panel: the history, which may go on after the last of the days.
        days: ascending local days of the panel.
        horizon_days: how far ahead each is seen.
        known: days already sampled with the same arguments; new ones are added to it.
    """
    kept = {} if known is None else known
    missing = [day for day in days if day not in kept]
    for day, density in zip(missing, densities.densities(recipe, panel, missing, horizon_days), strict=True):
        kept[day] = _draw(recipe, panel, day, density)
    rows = [kept[day] for day in days]
    position = np.repeat(np.arange(len(days)), [len(cell) for cell, *_ in rows])
    return Examples(tuple(days), position, *(np.concatenate(column) for column in zip(*rows, strict=True)))


def _draw(recipe: Recipe, panel: Panel, day: date, density: np.ndarray) -> DayRows:
    """Draw one day's examples from its ``density`` (densities, cells)."""
    count = panel.counts(day)
    row = panel.index(day)
    before = panel.totals[max(row - _RATE_DAYS, 0) : row]
    zeros = max(_ZEROS_PER_INCIDENT * float(before.mean()), _FEWEST_ZEROS_A_DAY)
    mixed = len(recipe.mixed_names)
    risk = density[:mixed].mean(axis=0) + 1.0 / len(count)
    chance = np.minimum(zeros * risk / 2, 1.0).astype(np.float64)
    drawn = np.random.default_rng([_SEED, day.toordinal()]).random(len(count)) < chance
    cell = np.flatnonzero((count > 0) | drawn)
    weight = np.where(count[cell] > 0, 1.0, 1.0 / chance[cell])
    return cell, count[cell], weight, density[:, cell].T
