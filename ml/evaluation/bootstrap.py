"""Confidence intervals of scores by a circular block bootstrap over days, and differences between two methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ml.evaluation.metrics import AREA_PERCENTS, DayScore
from ml.models.determinism import one_thread

BLOCK_DAYS = 7
RESAMPLES = 4000
_SEED = 19_920_101
_LEVEL = 0.95


@dataclass(frozen=True)
class Difference:
    """Ours minus another method in one metric.

    Attributes:
        metric: ``information_gain`` or ``pai_<percent>``.
        lower, upper: 95 % interval; None where there are fewer than two blocks of days.
    """

    method: str
    metric: str
    estimate: float
    lower: float | None
    upper: float | None

    def __str__(self) -> str:
        digits = 3 if self.metric == "information_gain" else 2
        if self.lower is None:
            return f"{self.estimate:+.{digits}f}"
        return f"{self.estimate:+.{digits}f} [{self.lower:+.{digits}f}, {self.upper:+.{digits}f}]"


def day_weights(days: int, block_days: int = BLOCK_DAYS, resamples: int = RESAMPLES) -> np.ndarray:
    """How often each resample holds each day, (resamples, days).

    Blocks of consecutive days are drawn with replacement from the days as on a circle, so that every day is equally
    likely and dependence within a block is kept (Politis & Romano 1992). Each row sums to ``days``.
    """
    random = np.random.default_rng(_SEED)
    blocks = -(-days // block_days)
    start = random.integers(0, days, (resamples, blocks))
    drawn = (start[:, :, None] + np.arange(block_days)) % days
    drawn = drawn.reshape(resamples, -1)[:, :days]
    flat = drawn + np.arange(resamples)[:, None] * days
    return np.bincount(flat.ravel(), minlength=resamples * days).reshape(resamples, days).astype(np.float64)


@dataclass(eq=False)
class Resamples:
    """Day weights drawn once for each number of days and block length, shared by the intervals of one assessment."""

    _weights: dict[tuple[int, int], np.ndarray] = field(default_factory=dict)

    def weights(self, days: int, block_days: int = BLOCK_DAYS) -> np.ndarray:
        """See :func:`day_weights`."""
        key = (days, block_days)
        if key not in self._weights:
            self._weights[key] = day_weights(days, block_days)
        return self._weights[key]


@one_thread
def ratio_interval(
    above: np.ndarray, below: np.ndarray, block: int = BLOCK_DAYS, resamples: Resamples | None = None
) -> tuple[float, float] | None:
    """95 % interval of ``sum(above) / sum(below)`` over days; None for fewer than two blocks or 7 entries.

    Args:
        above: (days,) numerator of each day.
        below: (days,) denominator of each day, at least 0.
        block: days drawn together; 1 where each entry is a week already.
        resamples: weights already drawn; None draws them.
    """
    if len(above) < max(2 * block, BLOCK_DAYS):
        return None
    weights = (resamples or Resamples()).weights(len(above), block)
    ratios = (weights @ above) / np.maximum(weights @ below, 1e-12)
    lower, upper = np.quantile(ratios, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(lower), float(upper)


def difference(
    method: str,
    metric: str,
    gained: np.ndarray,
    incidents: np.ndarray,
    *,
    block: int = BLOCK_DAYS,
    resamples: Resamples | None = None,
) -> Difference:
    """Gain over another method per incident, with its interval.

    Args:
        method: name of the other method.
        metric: name of the metric.
        gained: (days,) ours minus theirs.
        incidents: (days,) incidents, above 0 in all.
        block: see :func:`ratio_interval`.
        resamples: likewise.
    """
    lower, upper = ratio_interval(gained, incidents, block, resamples) or (None, None)
    return Difference(method, metric, float(gained.sum() / incidents.sum()), lower, upper)


def differences(
    ours: Sequence[DayScore], method: str, theirs: Sequence[DayScore], resamples: Resamples | None = None
) -> list[Difference]:
    """Ours minus theirs in information gain per incident and PAI, with intervals; none without incidents.

    Args:
        ours: scores of consecutive days.
        method: name of the other method.
        theirs: its scores of the same days.
        resamples: see :func:`ratio_interval`.
    """
    incidents = np.array([day.incident_count for day in ours], dtype=np.float64)
    if not incidents.any():
        return []
    cells = sum(day.cell_count for day in ours)
    daily = {"information_gain": np.array([a.log_score - b.log_score for a, b in zip(ours, theirs, strict=True)])}
    for percent in AREA_PERCENTS:
        area = sum(day.flagged[percent] for day in ours) / cells
        hits = np.array([a.hits[percent] - b.hits[percent] for a, b in zip(ours, theirs, strict=True)])
        daily[f"pai_{percent}"] = hits / area
    return [difference(method, metric, gained, incidents, resamples=resamples) for metric, gained in daily.items()]
