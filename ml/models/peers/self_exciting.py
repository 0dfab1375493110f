"""A self-exciting point process on cells: a background of long memory, and offspring near in time and space."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Self

import numpy as np

from ml.features.recency import memories
from ml.features.smoothing import Smoother
from ml.models.peers.branching import Branching, Excitation
from ml.models.risk_map import RiskMap, tuning_days
from ml.panel.panel import Panel


@dataclass(frozen=True)
class SelfExciting(RiskMap):
    """A kernel density of the long history, plus a decaying increase near and after each incident.

    Mohler, Short, Brantingham, Schoenberg & Tita, Self-exciting point process modeling of crime (2011), in the
    parametric form of Mohler, Marked point process hotspot maps for homicide and gun crime prediction in Chicago
    (2014): Gaussian background, offspring exponential in time and Gaussian in space, all five parameters by
    expectation-maximisation (:mod:`ml.models.peers.branching`).

    Attributes:
        windows_days: length of the background's history; before ``fit`` all that are tried.
        excitation: the parameters.
    """

    windows_days: tuple[int, ...] = (1095, 3650)
    excitation: Excitation = field(default_factory=Excitation)
    name: str = "self_exciting"

    def candidates(self, history: Panel, horizon_days: int) -> Iterable[Self]:
        """The most likely parameters for each length of the background's history."""
        days = tuning_days(history, horizon_days)
        excitation = self.excitation
        for window in self.windows_days:
            excitation = Branching(history, days, horizon_days, window).estimate(excitation)
            yield replace(self, windows_days=(window,), excitation=excitation)

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the intensity of each day."""
        own = self.excitation
        smoother = Smoother(panel.cells, (own.background_m, own.offspring_m))
        ends = [panel.end_row(day, horizon_days) for day in days]
        remembered = memories(panel.target, [own.half_life_days], ends)
        for day, end, memory in zip(days, ends, remembered, strict=True):
            mean = panel.mean_before(day, self.windows_days[0], horizon_days)
            background = own.background * smoother.spread(mean[None], 0)[0] + own.even * mean.mean()
            # a memory is a mean: its weights sum to 1, those of the offspring to what of them is due by now
            due = 1 - own.keep**end
            yield (background + own.offspring * due * smoother.spread(memory, 1)[0]).astype(np.float64)
