"""Rows as a query's condition and order ask for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from observatory.simulator.servers.answer import Row

Rows = Sequence[Row] | Callable[[datetime | None, datetime | None], Sequence[Row]]
"""All rows there are, or a function to those of the span that a query names.

The span is from the earliest to the latest moment in the query, as it writes them and less their offset, so up to a day
off; None where it names none. The function may give more: the query's condition is applied to what it gives. Where it
gives the same list again, the work of the last request is used again.
"""


def rows_of(rows: Rows, start: datetime | None = None, end: datetime | None = None) -> Sequence[Row]:
    """The rows there are within a span, at least."""
    return rows(start, end) if callable(rows) else rows


def as_moment(value: Any) -> datetime | None:
    """A date, a moment (its offset is not looked at) or milliseconds since 1970."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
    return datetime.fromisoformat(value).replace(tzinfo=None) if value else None


class Asked:
    """Rows as a condition and an order ask for them; without an order, in another at every request.

    Args:
        rows: all there are, or a function to those of a span.
        moment: how the protocol writes a moment, as a pattern with one group.
        text: how it writes a text.
        numbered: column of the rows' numbers, where the server adds one.
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
