"""Gaps in a record: runs of days on which nothing at all was recorded, too long to be chance."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np

# empty days are a gap if this many incidents or more would be expected at the rate of the neighbouring days
_MISSED_INCIDENTS = 20.0
_NEIGHBOUR_DAYS = 56


class Gap(NamedTuple):
    """Days without any record, both ends included."""

    first_day: date
    last_day: date

    def __str__(self) -> str:
        return f"{self.first_day}" if self.first_day == self.last_day else f"{self.first_day}..{self.last_day}"

    def days_within(self, first_day: date, end_day: date) -> int:
        """How many of its days lie in ``[first_day, end_day)``."""
        return max(0, (min(self.last_day + timedelta(days=1), end_day) - max(self.first_day, first_day)).days)


def gaps_in(daily: np.ndarray, first_day: date) -> list[Gap]:
    """Gaps of a record of every category together.

    Args:
        daily: (days,) incidents recorded per day; the first and the last are above 0.
        first_day: local day of ``daily[0]``.
    """
    is_empty = np.concatenate([[False], np.asarray(daily) == 0, [False]])
    changes = np.diff(is_empty.astype(np.int8))
    begins, ends = np.flatnonzero(changes == 1), np.flatnonzero(changes == -1)
    found = []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        neighbours = (daily[max(0, begin - _NEIGHBOUR_DAYS) : begin], daily[end : end + _NEIGHBOUR_DAYS])
        rate = min((float(np.mean(days)) for days in neighbours if len(days)), default=0.0)
        if rate * (end - begin) >= _MISSED_INCIDENTS:
            found.append(Gap(first_day + timedelta(days=begin), first_day + timedelta(days=end - 1)))
    return found
