"""Rows filtered and sorted by a query's condition and order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from observatory.simulator.servers.answer import Row

Rows = Sequence[Row] | Callable[[datetime | None, datetime | None], Sequence[Row]]
"""All rows, or a function that returns at least those of an interval.

The interval is between the earliest and the latest moment in the query, as written and without offsets, so it may be up
to a day off; None if the query has none. The query's condition is applied to the result. If the function returns the
same list again, the result of the last request is used again.
"""


def rows_of(rows: Rows, start: datetime | None = None, end: datetime | None = None) -> Sequence[Row]:
    """The rows of an interval, possibly with more."""
    return rows(start, end) if callable(rows) else rows


def as_moment(value: Any) -> datetime | None:
    """A date, a moment (its offset is ignored) or milliseconds since 1970."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
    return datetime.fromisoformat(value).replace(tzinfo=None) if value else None


class FilteredRows:
    """Rows that meet a condition, sorted; without an order, the order changes from request to request.

    Args:
        rows: all rows, or a function of an interval.
        moment: pattern of a moment in the protocol, with one group.
        text: pattern of a text.
        numbered: name of a column with row numbers that the server adds, if any.
    """

    def __init__(self, rows: Rows, moment: str, text: str, numbered: str = "") -> None:
        self._rows, self._moment, self._text, self._numbered = rows, moment, text, numbered
        self._requests = count()
        self._last: tuple[str, str, Sequence[Row] | None, list[Row]] = ("", "", None, [])

    def __call__(self, condition: str, order: str) -> list[Row]:
        """The rows that meet a condition, in an order."""
        rows = rows_of(self._rows, self._edge(">=", condition), self._edge("<", condition))
        asked, ordered, of, found = self._last
        if (asked, ordered) != (condition, order) or of is not rows:
            found = self._found(rows, condition, order)
            self._last = condition, order, rows, found
        turn = 0 if order else next(self._requests) % (len(found) or 1)
        return found[turn:] + found[:turn] if turn else found

    def _edge(self, operator: str, condition: str) -> datetime | None:
        found = re.search(rf"\w {operator} {self._moment}", condition) if self._moment else None
        return as_moment(found[1]) if found else None

    def _found(self, rows: Sequence[Row], condition: str, order: str) -> list[Row]:
        if self._numbered:
            rows = [{self._numbered: number, **row} for number, row in enumerate(rows, 1)]
        found = [row for row in rows if _holds(row, condition, self._moment, self._text)]
        names = re.findall(r"\w+", order)
        return sorted(found, key=lambda row: [(row.get(name) is None, row.get(name)) for name in names])


def _holds(row: Row, condition: str, moment: str, text: str) -> bool:
    """Whether a row meets every part of a condition: ``>=`` and ``<`` of a moment, and ``in`` a list of texts."""
    for name, operator, edge in re.findall(rf"(\w+) (>=|<) {moment}", condition) if moment else ():
        value, limit = as_moment(row.get(name)), as_moment(edge)
        if value is None or limit is None or (value < limit if operator == ">=" else value >= limit):
            return False
    for name, listed in re.findall(r"(\w+) (?:in|IN) \(([^)]*)\)", condition):
        if row.get(name) not in re.findall(text, listed):
            return False
    return True
