"""A kernel density in which incidents lose weight with age."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np

from ml.features.recency import memories
from ml.features.smoothing import Smoother
from ml.models.risk_map import RiskMap
from ml.panel.panel import Panel


@dataclass(frozen=True)
class SpaceTimeDensity(RiskMap):
    """A product kernel: past incidents fade exponentially in time and are spread by a Gaussian in space.

    Space-time kernel densities are due to Brunsdon, Corcoran & Higgs (Visualising space and time in crime patterns,
    2007); as a forecast, with both bandwidths chosen by likelihood, to Hu, Wang, Guin & Zhu (A spatio-temporal kernel
    density estimation framework for predictive crime hotspot mapping and evaluation, 2018).

    Attributes:
        half_lives_days: after how many days an incident counts half; before ``fit`` all that are tried.
        bandwidths_m: standard deviations of the Gaussian, metres; likewise.
    """

    half_lives_days: tuple[float, ...] = (15, 30, 60, 120, 365, 1460)
    bandwidths_m: tuple[float, ...] = (60, 125, 250, 500, 1000)
    name: str = "kernel_density_spacetime"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:  # noqa: ARG002
        """Every half-life with every bandwidth."""
        return [
            replace(self, half_lives_days=(half_life,), bandwidths_m=(bandwidth,))
            for half_life in self.half_lives_days
            for bandwidth in self.bandwidths_m
        ]

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the density of each day."""
        smoother = Smoother(panel.cells, self.bandwidths_m[:1])
        ends = [panel.end_row(day, horizon_days) for day in days]
        for memory in memories(panel.target, self.half_lives_days[:1], ends):
            yield smoother.spread(memory, 0)[0].astype(np.float64)
