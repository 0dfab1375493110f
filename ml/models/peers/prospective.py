"""Prospective hotspots: what happened lately and nearby counts most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from ml.models.peers.neighbourhood import Neighbourhood
from ml.models.risk_map import RiskMap
from ml.panel.panel import Panel


@dataclass(frozen=True)
class ProspectiveHotspot(RiskMap):
    """Every incident within a radius and a number of weeks counts 1/(1 + half cells away) x 1/(1 + weeks ago).

    Bowers, Johnson & Pease, Prospective hot-spotting: the future of crime mapping? (2004). They use 400 m and two
    months; longer and wider ones are tried beside them.

    Attributes:
        radii_m: greatest distance between centres, metres; before ``fit`` all that are tried.
        windows_weeks: how far back incidents count; likewise.
    """

    radii_m: tuple[float, ...] = (400, 800, 1600)
    windows_weeks: tuple[int, ...] = (8, 26, 104, 520)
    name: str = "prospective_hotspot"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Every radius with every window."""
        return [
            replace(self, radii_m=(radius,), windows_weeks=(weeks,))
            for radius in self.radii_m
            for weeks in self.windows_weeks
        ]

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the weighted sum of each day; weeks are full weeks before the last day seen."""
        half_cell_m = panel.cells.size_m / 2
        nearby = Neighbourhood(panel.cells, self.radii_m[0], lambda m: 1 / (1 + m // half_cell_m))
        for day in days:
            end = panel.end_row(day, horizon_days)
            begin = max(end - 7 * self.windows_weeks[0], 0)
            weeks = (end - 1 - np.arange(begin, end)) // 7
            yield nearby.sums((1 / (1 + weeks)) @ panel.target[begin:end])
