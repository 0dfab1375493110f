"""Exponentially weighted means of past incidents before any day.

A memory of half-life h is the weighted mean daily count of a cell with weights 2^(-age / h): a recursive filter over
days (Gardner, Exponential smoothing, 1985). Days are taken in blocks on a fixed grid, each by one sparse product, so
years of history cost milliseconds and a memory is the same to the last bit whichever days were read before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_matrix

_BLOCK_DAYS = 32


def memories(counts: csr_matrix, half_lives_days: Sequence[float], ends: Sequence[int]) -> Iterator[np.ndarray]:
    """Read every memory just before each of the days ``ends``.

    Args:
        counts: (days, cells) counts.
        half_lives_days: half-lives, days.
        ends: ascending row numbers; the memory of ``end`` sees rows before it only.

    Yields:
        (half-lives, cells) mean daily counts; zeros while there is no history.
    """
    keep = 0.5 ** (1.0 / np.asarray(half_lives_days, dtype=np.float64))
    blocks = np.zeros((len(keep), counts.shape[1]))
    begin = last = 0
    for end in ends:
        if end < last:
            raise ValueError(f"days must ascend; {end} follows {last}")
        last = end
        while begin + _BLOCK_DAYS <= end:
            blocks = _later(blocks, keep, counts, begin, begin + _BLOCK_DAYS)
            begin += _BLOCK_DAYS
        weight = (1.0 - keep**end) / (1.0 - keep)
        yield _later(blocks, keep, counts, begin, end) / np.maximum(weight, 1.0)[:, None]


def _later(state: np.ndarray, keep: np.ndarray, counts: csr_matrix, begin: int, end: int) -> np.ndarray:
    """The weighted sums (half-lives, cells) just before ``end``, from those just before ``begin``."""
    aged = state * keep[:, None] ** (end - begin)
    rows = counts.indptr[begin : end + 1]
    if not rows.size or rows[0] == rows[-1]:
        return aged
    # reads the arrays of the sparse matrix, since slicing and transposing it takes longer than the sums
    cells, values = counts.indices[rows[0] : rows[-1]], counts.data[rows[0] : rows[-1]]
    day = np.repeat(np.arange(len(rows) - 1), np.diff(rows))
    weights = keep[:, None] ** (end - 1 - np.arange(begin, begin + len(rows) - 1))
    sums = [np.bincount(cells, values * weight[day], minlength=state.shape[1]) for weight in weights]
    return aged + np.stack(sums)
