"""Errors a person can act on: where it happened, what came, what was expected, what to do."""

from __future__ import annotations


class ForecastError(Exception):
    """A failure said in four parts; its text is one readable line.

    The same shape as the observatory's own errors; a class of its own, because this library stands without it.

    Args:
        where: the file, option, table or day concerned.
        came: what was found there.
        expected: what should have been.
        todo: what the reader can do about it.
    """

    def __init__(self, where: str, *, came: str, expected: str, todo: str) -> None:
        self.where, self.came, self.expected, self.todo = where, came, expected, todo
        super().__init__(f"{where}: {came}; expected {expected}. {todo}")

    def __reduce__(self) -> tuple:
        """Survive the trip between processes."""
        return _rebuild, (type(self), self.where, self.came, self.expected, self.todo)


def _rebuild(kind: type[ForecastError], where: str, came: str, expected: str, todo: str) -> ForecastError:
    return kind(where, came=came, expected=expected, todo=todo)


class InputError(ForecastError):
    """A file, an option or a table does not hold what a forecast needs."""


class Abstention(ForecastError):
    """A forecast cannot be trusted; to withhold it and say why is the right answer."""


class HistoryTooShort(Abstention):
    """There are too few days or incidents to learn from."""


class TooFewLocated(Abstention):
    """Too few incidents have a place for a map to stand for all of them."""


class Drifted(Abstention):
    """The record of the last days is not what the model was trained on."""
