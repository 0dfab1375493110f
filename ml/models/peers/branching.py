"""Expectation-maximisation of a self-exciting process on cells and days, without visiting pairs of incidents.

With offspring that are geometric in time and Gaussian in space, what all earlier incidents add to a cell, and the delay
and squared distance they add it at, are sums that filters give: the cost is linear in cells x days, where a sum over
pairs is quadratic in incidents.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import date

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from ml.panel.panel import Cells, Panel

_CYCLES = 30
# nats per incident: iteration stops when a step gains less
_TOLERANCE = 3e-5
_LEAST_SIGMA_M = 10.0
_KEEP = (0.1, 0.999)
_LEAST_EVEN = 1e-3
_TINY = 1e-12


@dataclass(frozen=True)
class Excitation:
    """Parameters of the process.

    Attributes:
        background: factor of the background's mean, spread by a Gaussian.
        even: the same, spread evenly: no cell may have a risk of 0.
        background_m: standard deviation of the background's Gaussian, metres.
        offspring: expected number of direct offspring of an incident.
        keep: share of the offspring still due that is left after another day.
        offspring_m: standard deviation of their distance along each axis, metres.
    """

    background: float = 0.6
    even: float = 0.1
    background_m: float = 500.0
    offspring: float = 0.3
    keep: float = 0.93
    offspring_m: float = 250.0

    @property
    def half_life_days(self) -> float:
        """Days after which half of the offspring have occurred."""
        return float(np.log(0.5) / np.log(self.keep))

    def within_bounds(self) -> Excitation:
        """The same parameters, limited to the range in which no incident is impossible."""
        return Excitation(
            self.background,
            max(self.even, _LEAST_EVEN),
            max(self.background_m, _LEAST_SIGMA_M),
            self.offspring,
            float(np.clip(self.keep, *_KEEP)),
            max(self.offspring_m, _LEAST_SIGMA_M),
        )


@dataclass(frozen=True, eq=False)
class _Day:
    """One day's incidents, and what could have led to them.

    Attributes:
        end: first row of the history that cannot be seen.
        background: (rows, columns) mean daily counts of the background's history.
        row, col, count: (events,) where incidents happened, and how many.
    """

    end: int
    background: np.ndarray
    row: np.ndarray
    col: np.ndarray
    count: np.ndarray


class Branching:
    """Estimate which incidents were offspring of which, from the days given.

    Args:
        history: what is known.
        days: days whose incidents are explained by what was known before each.
        horizon_days: how long before.
        window_days: length of the background's history.
    """

    def __init__(self, history: Panel, days: Sequence[date], horizon_days: int, window_days: int) -> None:
        cells, counts = history.cells, history.target
        place = cells.row.astype(np.int64) * cells.shape[1] + cells.col
        raster = (counts.shape[0], cells.shape[0] * cells.shape[1])
        self._cells = cells
        self._counts = csr_matrix((counts.data.astype(np.float32), place[counts.indices], counts.indptr), shape=raster)
        self._days = []
        for day in days:
            count = history.counts(day)
            cell = np.flatnonzero(count)
            background = _plane(cells, history.mean_before(day, window_days, horizon_days))
            end = history.end_row(day, horizon_days)
            self._days.append(_Day(end, background, cells.row[cell], cells.col[cell], count[cell]))

    def estimate(self, start: Excitation) -> Excitation:
        """Iterate from ``start`` until the log-score converges (Mohler et al. 2011, section 3), with extrapolation.

        The extrapolation is that of Varadhan & Roland (Simple and globally convergent methods for accelerating the
        convergence of any EM algorithm, 2008); a step that gains nothing is undone.
        """
        if not any(day.count.size for day in self._days):
            return start
        found, safe, best = start, start, -np.inf
        for _ in range(_CYCLES):
            once, score = self._step(found)
            if score - best < _TOLERANCE and found is not safe:
                once, score = self._step(safe)
            if score - best < _TOLERANCE:
                return once
            best = score
            safe, _ = self._step(once)
            found = _leap(found, once, safe)
        return safe

    def _step(self, now: Excitation) -> tuple[Excitation, float]:
        """Attribute incidents to their causes, then re-estimate the parameters; also the log-score before the step."""
        wide, near = (_Gaussian(self._cells, metres) for metres in (now.background_m, now.offspring_m))
        sums = np.zeros(11)
        for day, (due, delayed) in zip(self._days, self._due(now.keep), strict=True):
            broad, broad_squared, broad_usual = wide.at(day.background, day.row, day.col)
            close, close_squared, close_usual = near.at(due, day.row, day.col)
            delay, _, _ = near.at(delayed, day.row, day.col)
            background = float(day.background.sum())
            evenly = background / len(self._cells)
            rate = now.background * broad + now.even * evenly + now.offspring * close
            per_rate = day.count / np.maximum(rate, _TINY)
            sums += [
                now.background * per_rate @ broad,
                per_rate @ broad_squared,
                per_rate @ broad_usual,
                now.even * per_rate.sum() * evenly,
                background,
                now.offspring * per_rate @ close,
                per_rate @ close_squared,
                per_rate @ close_usual,
                now.offspring * per_rate @ delay,
                due.sum(),
                day.count @ np.log(np.maximum(rate, _TINY)),
            ]
        positive = np.maximum(sums[:-1], _TINY).tolist()
        old, old_squared, old_usual, even, background, new, new_squared, new_usual, delay, due = positive
        incidents = sum(day.count.sum() for day in self._days)
        expected = (now.background + now.even) * background + now.offspring * due
        better = Excitation(
            background=old / background,
            even=even / background,
            background_m=now.background_m * float(np.sqrt(old_squared / old_usual)),
            offspring=new / due,
            keep=delay / (delay + new),
            offspring_m=now.offspring_m * float(np.sqrt(new_squared / new_usual)),
        ).within_bounds()
        return better, float((sums[-1] - expected) / incidents)

    def _due(self, keep: float) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Offspring due each day where their parents are, (rows, columns); and the same times their delay, days."""
        counts = self._counts
        due, delayed = np.zeros((2, counts.shape[1]), dtype=np.float32)
        seen = 0
        for day in self._days:
            for row in range(seen, day.end):
                delayed += due
                delayed *= keep
                due *= keep
                happened = slice(counts.indptr[row], counts.indptr[row + 1])
                due[counts.indices[happened]] += np.float32(1 - keep) * counts.data[happened]
            seen = max(seen, day.end)
            yield due.reshape(self._cells.shape), delayed.reshape(self._cells.shape)


def _plane(cells: Cells, values: np.ndarray) -> np.ndarray:
    """(rows, columns) float32 raster of values (cells,), zeros outside the city."""
    plane = np.zeros(cells.shape, dtype=np.float32)
    plane[cells.row, cells.col] = values
    return plane


def _leap(before: Excitation, once: Excitation, twice: Excitation) -> Excitation:
    """Extrapolate two steps whose lengths shrink geometrically."""
    start, first, second = (np.log(astuple(each)) for each in (before, once, twice))
    step, bend = first - start, second - 2 * first + start
    length = max(1.0, float(np.sqrt(step @ step / max(bend @ bend, _TINY))))
    leapt = start + 2 * length * step + length**2 * bend
    return Excitation(*np.exp(second + np.clip(leapt - second, -1.0, 1.0)).tolist()).within_bounds()


class _Gaussian:
    """A Gaussian on the raster that keeps the sum of values at the city's edge; see :mod:`ml.features.smoothing`."""

    def __init__(self, cells: Cells, sigma_m: float) -> None:
        (self._rows, self._rows_squared), (self._cols, self._cols_squared) = (
            _moments(length, sigma_m / cells.size_m) for length in cells.shape
        )
        inside = _plane(cells, np.ones(len(cells)))
        kept = self._rows @ inside @ self._cols
        squared = self._rows_squared @ inside @ self._cols + self._rows @ inside @ self._cols_squared
        self._given = inside / np.where(inside > 0, kept, 1.0)
        self._usual = squared * self._given

    def at(self, plane: np.ndarray, row: np.ndarray, col: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A spread raster at some cells, and the same multiplied by two squared distances, in cells squared.

        The first distance is from where the incident happened, the second the mean over everywhere in the city it could
        have been moved to. The two are equal at the most likely bandwidth; far from the edge the second is twice the
        variance.
        """
        plane = plane * self._given
        spread = self._rows[row] @ plane
        along_rows = self._rows_squared[row] @ plane
        read = np.einsum("ec,ec->e", spread, self._cols[col])
        squared = np.einsum("ec,ec->e", along_rows, self._cols[col])
        squared += np.einsum("ec,ec->e", spread, self._cols_squared[col])
        usual = np.einsum("ec,ec->e", self._rows[row] @ (plane * self._usual), self._cols[col])
        return read.astype(np.float64), squared.astype(np.float64), usual.astype(np.float64)


def _moments(length: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Integrals over a cell of the Gaussian from another's centre, and of its squared distance, (length, length)."""
    offset = (np.arange(length)[:, None] - np.arange(length)[None, :]) / sigma
    low, high = offset - 0.5 / sigma, offset + 0.5 / sigma
    mass = ndtr(high) - ndtr(low)
    squared = sigma**2 * (mass - (high * _normal(high) - low * _normal(low)))
    return mass.astype(np.float32), np.maximum(squared, 0.0).astype(np.float32)


def _normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
