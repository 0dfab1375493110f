"""Getis-Ord Gi*: how far the counts around a cell lie above what chance would place there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from ml.models.peers.neighbourhood import Neighbourhood
from ml.models.risk_map import RiskMap
from ml.panel.panel import Cells, Panel


class LocalStatistic:
    """Gi* of the cells of a city with binary weights within a distance, the cell itself included.

    Getis & Ord, The analysis of spatial association by use of distance statistics (1992), standardised as in Ord &
    Getis (1995).

    Args:
        cells: where.
        radius_m: greatest distance between centres, metres.
    """

    def __init__(self, cells: Cells, radius_m: float) -> None:
        self._around = Neighbourhood(cells, radius_m, np.ones_like)
        self._weight = self._around.sums(np.ones(len(cells)))
        self._scale = np.sqrt((len(cells) * self._weight - self._weight**2) / max(len(cells) - 1, 1))

    def z(self, values: np.ndarray) -> np.ndarray:
        """Standard scores of ``values`` (cells,); zeros where all values are equal or all cells are neighbours."""
        scale = float(values.std()) * self._scale
        excess = self._around.sums(values) - float(values.mean()) * self._weight
        return np.divide(excess, scale, out=np.zeros(len(values)), where=scale > 0)


@dataclass(frozen=True)
class GiStar(RiskMap):
    """Cells ranked by Gi* of their recent counts; the risk is the score above the lowest one.

    Attributes:
        radii_m: greatest distance between centres, metres; before ``fit`` all that are tried.
        windows_days: over how many days counts are summed; likewise.
    """

    radii_m: tuple[float, ...] = (250, 400, 600, 1000)
    windows_days: tuple[int, ...] = (91, 365, 1095, 3650)
    name: str = "gi_star"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Every radius with every window."""
        return [
            replace(self, radii_m=(radius,), windows_days=(window,))
            for radius in self.radii_m
            for window in self.windows_days
        ]

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the scores of each day, the lowest at 0."""
        statistic = LocalStatistic(panel.cells, self.radii_m[0])
        for day in days:
            z = statistic.z(panel.mean_before(day, self.windows_days[0], horizon_days))
            yield z - z.min()
