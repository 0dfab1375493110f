"""Errors a person can act on: where it happened, what was found, what was expected, what to do."""

from __future__ import annotations

from typing import Any


class ObservatoryError(Exception):
    """A failure said in four parts; its text is one readable line.

    Args:
        subject: the file, feed, window or table concerned.
        found: what was found there.
        expected: what should have been.
        action: what the reader can do about it.
        redacted: what was found there in words without any of the content, for whoever sent it, where there are such.
    """

    def __init__(self, subject: str, *, found: str, expected: str, action: str, redacted: str | None = None) -> None:
        self.subject, self.found, self.expected, self.action, self.redacted = subject, found, expected, action, redacted
        super().__init__(f"{subject}: {found}; expected {expected}. {action}")

    def __reduce__(self) -> tuple:
        """Survive the trip between processes."""
        parts = {"found": self.found, "expected": self.expected, "action": self.action, "redacted": self.redacted}
        return _rebuild, (type(self), self.subject, parts)


def _rebuild(kind: type[ObservatoryError], subject: str, parts: dict[str, Any]) -> ObservatoryError:
    return kind(subject, **parts)


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
