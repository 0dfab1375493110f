"""Errors that say what they are about, what was found, what was expected and what to do."""

from __future__ import annotations


class ForecastError(Exception):
    """An error of four parts, whose text is one line.

    The same shape as the observatory's own errors; a separate class, because this library does not depend on it.

    Args:
        subject: the file, option, table or day concerned.
        found: what was found there.
        expected: what should have been.
        action: what the reader can do about it.
    """

    def __init__(self, subject: str, *, found: str, expected: str, action: str) -> None:
        self.subject, self.found, self.expected, self.action = subject, found, expected, action
        super().__init__(f"{subject}: {found}; expected {expected}. {action}")

    def __reduce__(self) -> tuple:
        """Support pickling, so that an error can be passed between processes."""
        return _rebuild, (type(self), self.subject, self.found, self.expected, self.action)


def _rebuild(kind: type[ForecastError], subject: str, found: str, expected: str, action: str) -> ForecastError:
    return kind(subject, found=found, expected=expected, action=action)


class InputError(ForecastError):
    """A file, an option or a table does not hold what a forecast needs."""


class Abstention(ForecastError):
    """A forecast cannot be trusted, so it is withheld and the reason is recorded."""


class HistoryTooShort(Abstention):
    """There are too few days or incidents to learn from."""


class TooFewLocated(Abstention):
    """Too few incidents have a place for a map to represent all of them."""


class Drifted(Abstention):
    """The record of the last days differs from the one the model was trained on."""
