"""How many records of a window may break their contract before it is no longer believed, and not loaded."""

from __future__ import annotations

from math import floor, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observatory.window import Window

STANDARD_DEVIATIONS = 3


def tolerated_count(share: float, read_count: int, window: Window) -> int:
    """The most records of a window that may be rejected.

    Of whole days that is the share. A live run reads so few records that the share alone would stop the feed at any
    single bad one: there it may be three standard deviations more (of a Poisson count), and one in any case. What is
    wrong for longer is found out by the first run of the next day, which reads days.

    Args:
        share: tolerated share of all records, 0 to 1.
        read_count: records read.
        window: what was read.
    """
    expected = share * read_count
    return floor(expected) if window.is_of_days else max(1, floor(expected + STANDARD_DEVIATIONS * sqrt(expected)))
