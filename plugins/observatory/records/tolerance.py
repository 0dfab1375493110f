"""How many records of a window may break their contract before it is no longer believed, and not loaded."""

from __future__ import annotations

from math import floor, sqrt

STANDARD_DEVIATIONS = 3


def tolerated_count(share: float, read_count: int, *, is_live: bool) -> int:
    """The most records of a window that may be rejected.

    That is the share. A live run reads so few records that the share alone would stop the feed at any single bad one:
    there it may be three standard deviations more (of a Poisson count), and one in any case.

    Args:
        share: tolerated share of all records, 0 to 1.
        read_count: records read.
        is_live: whether a live run read them.
    """
    expected = share * read_count
    return max(1, floor(expected + STANDARD_DEVIATIONS * sqrt(expected))) if is_live else floor(expected)
