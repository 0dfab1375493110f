"""Calibration: expected against observed counts, by tenths of risk."""

from __future__ import annotations

import numpy as np
import polars as pl

TENTHS = 10
# risk is pooled over days in fine steps of its logarithm: memory does not grow with the days
_LOWEST_LOG, _HIGHEST_LOG, _STEPS_PER_DECADE = -9, 3, 200
_BINS = (_HIGHEST_LOG - _LOWEST_LOG) * _STEPS_PER_DECADE


class Calibration:
    """Cell-days ordered by expected count over all days, with what was expected and what was observed.

    Tenths are of *expected incidents*: the cell-days of highest risk that hold the first tenth of all expected
    incidents, then the next. Tenths of cells would put most incidents of a city into one tenth and hardly any into half
    of them. These tenths weigh the same, and each shows the error of the forecasts of a tenth of all incidents. A step
    of risk that straddles two tenths is divided in proportion, which is the mean over ties broken at random.
    """

    def __init__(self) -> None:
        self._sums = np.zeros((3, _BINS))

    def add(self, expected: np.ndarray, observed: np.ndarray) -> None:
        """Add one day: (cells,) expected and observed counts."""
        logarithm = np.log10(np.maximum(expected, 10.0**_LOWEST_LOG))
        step = np.clip(((logarithm - _LOWEST_LOG) * _STEPS_PER_DECADE).astype(np.int64), 0, _BINS - 1)
        self._sums += [np.bincount(step, values, _BINS) for values in (None, expected, observed)]

    def tenths(self) -> pl.DataFrame:
        """``tenth`` (1 is the highest risk), ``cell_days``, ``expected``, ``observed``; one row per tenth."""
        from_highest = np.concatenate([np.zeros((3, 1)), self._sums[:, ::-1].cumsum(axis=1)], axis=1)
        total = from_highest[1, -1]
        cuts = np.linspace(0.0, total, TENTHS + 1)
        at_cuts = np.stack([np.interp(cuts, from_highest[1], values) for values in from_highest])
        at_cuts[:, -1] = from_highest[:, -1]
        cell_days, expected, observed = np.diff(at_cuts, axis=1)
        tenth = pl.int_range(1, TENTHS + 1, dtype=pl.Int16, eager=True)
        return pl.DataFrame({"tenth": tenth, "cell_days": cell_days, "expected": expected, "observed": observed})

    def decile_error(self) -> float | None:
        """Mean of ``|expected / observed - 1|`` over the tenths, each weighted by its incidents; None without any."""
        tenths = self.tenths()
        return decile_error(tenths["expected"].to_numpy(), tenths["observed"].to_numpy())

    def error_by_chance(self) -> float | None:
        """The decile error of a correct map, from Poisson chance alone; None without incidents."""
        tenths = self.tenths()
        total = tenths["observed"].sum()
        # mean absolute deviation of a normal variable
        return float(np.sqrt(2 * tenths["expected"] / np.pi).sum() / total) if total else None


def decile_error(expected: np.ndarray, observed: np.ndarray) -> float | None:
    """``sum |expected - observed| / sum observed``: the incident-weighted mean of ``|expected / observed - 1|``.

    In this form a tenth without incidents contributes what was expected of it.
    """
    total = float(observed.sum())
    return float(np.abs(expected - observed).sum() / total) if total else None
