"""Gaussian smoothing on the city's raster that keeps the sum, also at the city's edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from ml.panel.panel import Cells

# standard deviations beyond which a Gaussian is cut off: less than 1e-4 of it lies there
_REACH = 4.0
_FEWEST_ROWS = 32


class _Band(NamedTuple):
    """A range of rows or columns, and the range that contributes to it."""

    to: slice
    of: slice
    share: np.ndarray


class Smoother:
    """Spread values of cells over their neighbours, one Gaussian per bandwidth, by separable convolution.

    The kernel is integrated over each cell, and the sum of the values is kept: the part of a kernel that lies outside
    the city is distributed over the rest in proportion (Diggle, A kernel method for smoothing point process data,
    1985). A bandwidth of 0 leaves each value in its cell. Each band of rows is one product with the rows it receives
    from, so that cost is linear in the number of cells.

    Args:
        cells: where.
        bandwidths_m: standard deviations, metres.
    """

    def __init__(self, cells: Cells, bandwidths_m: Sequence[float]) -> None:
        self._cells = cells
        self._place = cells.row.astype(np.int64) * cells.shape[1] + cells.col
        self._along = [
            tuple(_bands(length, bandwidth / cells.size_m) for length in cells.shape) for bandwidth in bandwidths_m
        ]
        ones = np.ones((1, len(cells)), dtype=np.float32)
        self._kept = [self._convolve(ones, k)[0] if bandwidth > 0 else None for k, bandwidth in enumerate(bandwidths_m)]

    def __len__(self) -> int:
        return len(self._along)

    def spread(self, values: np.ndarray, bandwidth: int) -> np.ndarray:
        """Smooth ``values`` (n, cells) with the bandwidth at this position; float32, row sums stay as they are."""
        kept = self._kept[bandwidth]
        return values.astype(np.float32) if kept is None else self._convolve(values / kept, bandwidth)

    def _convolve(self, values: np.ndarray, bandwidth: int) -> np.ndarray:
        along_rows, along_cols = self._along[bandwidth]
        raster = np.zeros((len(values), self._cells.shape[0] * self._cells.shape[1]), dtype=np.float32)
        raster[:, self._place] = values
        planes = raster.reshape(len(values), *self._cells.shape)
        half = np.empty_like(planes)
        for band in along_cols:
            np.matmul(planes[:, :, band.of], band.share.T, out=half[:, :, band.to])
        smooth = np.empty_like(planes)
        for band in along_rows:
            np.matmul(band.share, half[:, band.of], out=smooth[:, band.to])
        return np.take(smooth.reshape(len(values), -1), self._place, axis=1)


def _bands(length: int, sigma_cells: float) -> list[_Band]:
    """The kernel along one axis, cut into bands."""
    if sigma_cells == 0:
        return []
    kernel = _kernel(length, sigma_cells)
    reach = int(np.ceil(_REACH * sigma_cells))
    step = max(_FEWEST_ROWS, 2 * reach)
    bands = []
    for begin in range(0, length, step):
        to = slice(begin, min(begin + step, length))
        of = slice(max(begin - reach, 0), min(to.stop + reach, length))
        bands.append(_Band(to, of, np.ascontiguousarray(kernel[to, of])))
    return bands


def _kernel(length: int, sigma_cells: float) -> np.ndarray:
    """(length, length) share that goes from the centre of one cell to the width of another."""
    offset = np.arange(length)[:, None] - np.arange(length)[None, :]
    return (ndtr((offset + 0.5) / sigma_cells) - ndtr((offset - 0.5) / sigma_cells)).astype(np.float32)
