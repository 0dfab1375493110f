"""Gaussian smoothing on the city's raster that loses nothing over the city's edge."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtr

from ml.panel import Cells


class Smoother:
    """Spread values of cells over their neighbours, one Gaussian per bandwidth, by separable convolution.

    The kernel is integrated over each cell, and every source gives away exactly what it holds: what would fall outside
    the city is given back in proportion (Diggle, A kernel method for smoothing point process data, 1985). A bandwidth
    of 0 leaves each value in its cell.

    Args:
        cells: where.
        bandwidths_m: standard deviations, metres.
    """

    def __init__(self, cells: Cells, bandwidths_m: Sequence[float]) -> None:
        self._cells = cells
        self._place = cells.row.astype(np.int64) * cells.shape[1] + cells.col
        self._along = [
            tuple(_kernel(length, bandwidth / cells.size_m) for length in cells.shape) for bandwidth in bandwidths_m
        ]
        ones = np.ones((1, len(cells)), dtype=np.float32)
        self._kept = [self._convolve(ones, k)[0] if self._spreads(k) else None for k in range(len(bandwidths_m))]

    def __len__(self) -> int:
        return len(self._along)

    def spread(self, values: np.ndarray, bandwidth: int) -> np.ndarray:
        """Smooth ``values`` (n, cells) with the bandwidth at this position; float32, row sums stay as they are."""
        kept = self._kept[bandwidth]
        return values.astype(np.float32) if kept is None else self._convolve(values / kept, bandwidth)

    def _spreads(self, bandwidth: int) -> bool:
        return bool(self._along[bandwidth][0][0, 0] < 1.0)

    def _convolve(self, values: np.ndarray, bandwidth: int) -> np.ndarray:
        along_rows, along_cols = self._along[bandwidth]
        raster = np.zeros((len(values), self._cells.shape[0] * self._cells.shape[1]), dtype=np.float32)
        raster[:, self._place] = values
        planes = raster.reshape(len(values), *self._cells.shape)
        smooth = np.matmul(along_rows, np.matmul(planes, along_cols))
        return np.take(smooth.reshape(len(values), -1), self._place, axis=1)


def _kernel(length: int, sigma_cells: float) -> np.ndarray:
    """(length, length) share that goes from the centre of one cell to the width of another; identity for sigma 0."""
    if sigma_cells == 0:
        return np.eye(length, dtype=np.float32)
    offset = np.arange(length)[:, None] - np.arange(length)[None, :]
    return (ndtr((offset + 0.5) / sigma_cells) - ndtr((offset - 0.5) / sigma_cells)).astype(np.float32)
