"""Errors a person can act on: where it happened, what came, what was expected, what to do."""

from __future__ import annotations

from typing import Any


class ObservatoryError(Exception):
    """A failure said in four parts; its text is one readable line.

    Args:
        where: the file, feed, window or table concerned.
        came: what was found there.
        expected: what should have been.
        todo: what the reader can do about it.
        told: what was found there in words without any of the content, for whoever sent it, where there are such.
    """

    def __init__(self, where: str, *, came: str, expected: str, todo: str, told: str | None = None) -> None:
        self.where, self.came, self.expected, self.todo, self.told = where, came, expected, todo, told
        super().__init__(f"{where}: {came}; expected {expected}. {todo}")

    def __reduce__(self) -> tuple:
        """Survive the trip between processes."""
        parts = {"came": self.came, "expected": self.expected, "todo": self.todo, "told": self.told}
        return _rebuild, (type(self), self.where, parts)


def _rebuild(kind: type[ObservatoryError], where: str, parts: dict[str, Any]) -> ObservatoryError:
    return kind(where, **parts)


class TerritoryError(ObservatoryError):
    """A territory file is missing or says something that cannot be acted on."""


class RangeError(ObservatoryError):
    """A range of days was asked for that has no day in it."""


class ConventionNotLive(ObservatoryError):
    """A partner's records may not be loaded today: their convention has not begun, or is over."""


class SourceUnavailable(ObservatoryError):
    """A source did not answer, or answered with a passing fault; a later retry may succeed."""


class SourceChanged(ObservatoryError):
    """A source answered something other than it used to; a retry gets the same answer."""


class ContractBroken(ObservatoryError):
    """Too many records broke their contract for the window to be trusted; nothing of it was loaded."""


class LoadOutOfBalance(ObservatoryError):
    """Records read do not equal records accepted, rejected and unchanged; nothing was written."""


class HistoryIncomplete(ObservatoryError):
    """Some windows of a history were refused; the others are loaded."""


class WarehouseError(ObservatoryError):
    """The warehouse cannot be started, reached or bootstrapped."""


class StackError(ObservatoryError):
    """A process of the observatory cannot be started, or did not become ready."""


class SimulationError(ObservatoryError):
    """The simulated city cannot be written as asked: not there, or not those days or kinds."""


class SecretMissing(ObservatoryError):
    """A feed needs a secret, to make pseudonyms or to be let in, and there is none; it does not run."""


class TextModelError(ObservatoryError):
    """Labelled texts cannot be learnt from, or a model's file cannot be read."""
