"""The epidemic-type model of predictive policing: each cell has its own background and offspring in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from ml.features.recency import memories
from ml.models.risk_map import RiskMap
from ml.models.validation import TrainingCache
from ml.panel.panel import Panel

_ITERATIONS = 40
_TOLERANCE = 2e-4
_ASSESSED_DAYS = 28
_KEEP = (0.1, 0.999)


@dataclass(frozen=True)
class CellEtas(RiskMap):
    """A cell's intensity is its own background plus a decaying increase after each of its own incidents.

    Mohler, Short, Malinowski, Johnson, Tita, Bertozzi & Brantingham, Randomized controlled field trials of predictive
    policing (2015): one background per cell, productivity and decay shared by all, by expectation-maximisation on the
    last days. The even share is chosen on days the parameters have not seen.

    Attributes:
        windows_days: how many days the parameters are learned from; before ``fit`` all that are tried.
        background: (cells,) incidents a day that are no offspring; empty before ``fit``.
        offspring: expected number of direct offspring of an incident.
        keep: share of the offspring still due that is left after another day.
    """

    windows_days: tuple[int, ...] = (365, 1095, 3650)
    background: tuple[float, ...] = ()
    offspring: float = 0.3
    keep: float = 0.95
    name: str = "cell_etas"

    def fit(
        self,
        panel: Panel,
        through: date,
        horizon_days: int = 1,
        cache: TrainingCache | None = None,  # noqa: ARG002
    ) -> Self:
        """Choose the window and even share by log-score on the last 28 days, then learn from those days too."""
        history = panel.until(through + timedelta(days=1))
        first = max(history.days - _ASSESSED_DAYS, min(horizon_days, history.days))
        days = [history.first_day + timedelta(days=row) for row in range(first, history.days)]
        before = history.until(history.first_day + timedelta(days=first))
        assessed = [
            self._learned(before, window, horizon_days).assessed(history, days, horizon_days)
            for window in self.windows_days
        ]
        best = max(assessed, key=lambda pair: pair[1])[0]
        return best._learned(history, best.windows_days[0], horizon_days)

    def risks(self, panel: Panel, days: Sequence[date], horizon_days: int) -> Iterator[np.ndarray]:
        """Yield the intensity of each day."""
        ends = [panel.end_row(day, horizon_days) for day in days]
        half_life_days = float(np.log(0.5) / np.log(self.keep))
        for end, memory in zip(ends, memories(panel.target, [half_life_days], ends), strict=True):
            yield np.array(self.background or 0.0) + self.offspring * (1 - self.keep**end) * memory[0]

    def _learned(self, history: Panel, window_days: int, horizon_days: int) -> Self:
        """The most likely parameters for the last days of the history."""
        counts = history.target[max(history.days - window_days, 0) :]
        days, cells = counts.shape
        chosen = replace(self, windows_days=(window_days,), background=(0.0,) * cells)
        if not counts.nnz:
            return chosen
        row = np.repeat(np.arange(days), np.diff(counts.indptr))
        # half the mean at least: a background of 0 would stay 0
        mean = np.asarray(counts.sum(axis=0)).ravel() / days
        background, offspring, keep = (np.array(self.background or 0.0) + mean) / 2, self.offspring, self.keep
        for _ in range(_ITERATIONS):
            due, delayed = _due(counts, keep, horizon_days)
            per_rate = counts.data / np.maximum(background[counts.indices] + offspring * due, 1e-12)
            born, delay = offspring * (per_rate @ due), offspring * (per_rate @ delayed)
            background *= np.bincount(counts.indices, per_rate, cells) / days
            exposed = counts.data @ (1 - keep ** np.maximum(days - horizon_days - row, 0))
            before = offspring, keep
            offspring = born / max(exposed, 1e-12)
            keep = float(np.clip(delay / max(delay + born, 1e-12), *_KEEP))
            if np.allclose((offspring, keep), before, rtol=0, atol=_TOLERANCE):
                break
        return replace(chosen, background=tuple(background.tolist()), offspring=float(offspring), keep=keep)


def _due(counts: csr_matrix, keep: float, horizon_days: int) -> tuple[np.ndarray, np.ndarray]:
    """What each entry of the counts could expect from earlier ones in its cell, and the same times the delay, days."""
    state = np.zeros((2, counts.shape[1]))
    found = np.zeros((2, counts.nnz))
    for row in range(horizon_days, counts.shape[0]):
        seen = slice(*counts.indptr[row - horizon_days : row - horizon_days + 2])
        state[1] += state[0]
        state *= keep
        state[0, counts.indices[seen]] += (1 - keep) * counts.data[seen]
        happened = slice(*counts.indptr[row : row + 2])
        found[:, happened] = state[:, counts.indices[happened]]
    return found[0], found[1]
