"""Errors a person can act on: the subject, what was found, what was expected, what to do."""

from __future__ import annotations

from typing import Any


class ObservatoryError(Exception):
    """A failure described in four parts; its text is one line.

    Args:
        subject: the file, feed, window or table concerned.
        found: what was found there.
        expected: what should have been there.
        action: what the reader can do about it.
        redacted: what was found, without any of the content, for the partner who sent it; None if nobody sent it.
    """

    def __init__(self, subject: str, *, found: str, expected: str, action: str, redacted: str | None = None) -> None:
        self.subject, self.found, self.expected, self.action, self.redacted = subject, found, expected, action, redacted
        super().__init__(f"{subject}: {found}; expected {expected}. {action}")

    def __reduce__(self) -> tuple:
        """Support pickling: exceptions pass between processes."""
        parts = {"found": self.found, "expected": self.expected, "action": self.action, "redacted": self.redacted}
        return _rebuild, (type(self), self.subject, parts)


def _rebuild(kind: type[ObservatoryError], subject: str, parts: dict[str, Any]) -> ObservatoryError:
    return kind(subject, **parts)


class TerritoryError(ObservatoryError):
    """A territory file is missing or invalid."""


class RangeError(ObservatoryError):
    """The requested range of days is empty or is not available."""


class ConventionNotLive(ObservatoryError):
    """A partner's records may not be loaded today: their convention has not begun, or has ended."""


class SourceUnavailable(ObservatoryError):
    """A source did not respond, or responded with a temporary error; a later retry may succeed."""


class SourceChanged(ObservatoryError):
    """A source's responses or files are no longer of the expected form; a retry fails the same way."""


class ContractBroken(ObservatoryError):
    """More records were rejected than the feed tolerates; nothing of the window was loaded."""


class LoadOutOfBalance(ObservatoryError):
    """The records read do not equal the sum of accepted, rejected and unchanged; nothing was written."""


class HistoryIncomplete(ObservatoryError):
    """Some windows of a backfill failed; the others are loaded."""


class WarehouseError(ObservatoryError):
    """The warehouse cannot be started, reached or bootstrapped."""


class StackError(ObservatoryError):
    """A local service cannot be started, or did not become ready."""


class SimulationError(ObservatoryError):
    """The simulated city cannot be generated: it is unknown, or the requested days or kinds are."""


class SecretMissing(ObservatoryError):
    """A feed needs a secret, for pseudonyms or to authenticate, that is not set; it does not run."""


class TextModelError(ObservatoryError):
    """Labelled texts are unusable for training, or a model's file cannot be read."""
