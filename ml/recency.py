"""Exponential memories of what happened: recursive filters over days, read out before each day.

A memory of half-life h is the weighted mean daily count of a cell with weights 2^(-age / h); it is updated in one
multiplication and one addition a day, so years of history cost one pass (Gardner, Exponential smoothing, 1985).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import csr_matrix


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
    state = np.zeros((len(keep), counts.shape[1]))
    weight = np.zeros(len(keep))
    scale = keep[:, None]
    day = 0
    for end in ends:
        if end < day:
            raise ValueError(f"days must ascend; {end} came after {day}")
        while day < end:
            state *= scale
            weight = weight * keep + 1.0
            if day < counts.shape[0]:
                begin, stop = counts.indptr[day], counts.indptr[day + 1]
                state[:, counts.indices[begin:stop]] += counts.data[begin:stop]
            day += 1
        yield state / np.maximum(weight, 1.0)[:, None]
