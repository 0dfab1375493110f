"""Sums over the cells within a distance of each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2

from ml.panel.panel import Cells

# Fourier transforms leave rounding errors between equal sums; smaller differences than this count as zero
_DECIMALS = 9


class Neighbourhood:
    """Weighted sums over the cells whose centres lie within a radius; places outside the city count as 0.

    Args:
        cells: where.
        radius_m: greatest distance between centres, metres.
        weight: weight of a distance in metres, vectorised.
    """

    def __init__(self, cells: Cells, radius_m: float, weight: Callable[[np.ndarray], np.ndarray]) -> None:
        self._cells = cells
        reach = int(radius_m // cells.size_m)
        step = np.arange(-reach, reach + 1)
        distance = cells.size_m * np.hypot(step[:, None], step[None, :])
        kernel = np.where(distance <= radius_m, weight(distance), 0.0)
        self._shape = [next_fast_len(length + 2 * reach, real=True) for length in cells.shape]
        self._spectrum = rfft2(kernel, self._shape)
        self._place = (cells.row + reach, cells.col + reach)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sum ``values`` (cells,) over each cell's neighbourhood, itself included."""
        plane = np.zeros(self._cells.shape)
        plane[self._cells.row, self._cells.col] = values
        summed = irfft2(rfft2(plane, self._shape) * self._spectrum, self._shape)[self._place]
        return np.round(summed, _DECIMALS) + 0.0
