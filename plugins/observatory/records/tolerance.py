"""How many records of a window may be rejected before the whole window is refused."""

from __future__ import annotations

from math import floor, sqrt

STANDARD_DEVIATIONS = 3


def tolerated_count(share: float, read_count: int, *, is_live: bool) -> int:
    """The largest number of records of a window that may be rejected.

    That is the tolerated share of the records. A live run reads so few records that a single bad one would exceed the
    share: there the limit is three standard deviations of a Poisson count higher, and at least one.

    Args:
        share: tolerated share of all records, 0 to 1.
        read_count: records read.
        is_live: whether a live run read them.
    """
    expected = share * read_count
    return max(1, floor(expected + STANDARD_DEVIATIONS * sqrt(expected))) if is_live else floor(expected)
