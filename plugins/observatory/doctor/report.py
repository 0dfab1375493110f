"""The result of an examination as plain values, shown as tables or as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

WELL, WITHOUT_SAMPLE = "ok", "no sample"
WRONG_IN_FILE = "mapping"
EMPTY, REJECTED, LATE = "empty", "rejected", "late"
REFUSED, UNREACHABLE, CHANGED, SECRET = "refused", "unreachable", "changed", "secret missing"

ALL_WELL, TO_BE_ACTED_ON, FILE_IS_WRONG = 0, 1, 2
"""Exit codes."""


@dataclass(frozen=True)
class MappedColumn:
    """A column of the contract, its source columns, and the share of the sample's rows with a value."""

    column: str
    sources: tuple[str, ...]
    filled_share: float | None


@dataclass(frozen=True)
class Rejection:
    """A check that records of the sample failed: how many, and the reason of the first."""

    column: str
    check: str
    count: int
    reason: str


@dataclass(frozen=True)
class FeedReport:
    """The result for one feed.

    Attributes:
        status: ``ok``, or the problem in a word.
        problem: what was found, what was expected and what to do; None if there is no problem.
        first_day: first of the days that were read.
        last_day: last of the days that were read.
        is_partial: whether the source has more rows of those days than were read.
        located_share: share of accepted records that have a point; None if no record was accepted.
        oldest_day: local day of the oldest record of the sample.
        newest_day: local day of the newest record of the sample.
        late_days: days by which the newest record is older than the file states; None if that is unknown.
    """

    feed: str
    kind: str
    protocol: str
    owner: str
    terms: str
    is_live: bool
    status: str
    problem: str | None = None
    first_day: date | None = None
    last_day: date | None = None
    is_partial: bool = False
    read_count: int = 0
    accepted_count: int = 0
    rejected_count: int = 0
    outside_count: int = 0
    located_share: float | None = None
    history_start: date | None = None
    oldest_day: date | None = None
    newest_day: date | None = None
    late_days: int | None = None
    columns: tuple[MappedColumn, ...] = ()
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True)
class GroupReport:
    """Whether a category group has enough history for a forecast; counts are of reported and sensor incidents."""

    category_group: str
    history_days: int
    incident_count: int
    located_count: int
    is_eligible: bool
    reason: str | None


@dataclass(frozen=True)
class Report:
    """The result for a city.

    Attributes:
        problem: what is wrong with its file; None if the file is valid.
        assessed_by: origin of the groups' counts: ``warehouse``, ``sample`` or ``nothing``.
    """

    territory: str
    today: date | None = None
    problem: str | None = None
    feeds: tuple[FeedReport, ...] = ()
    assessed_by: str = "nothing"
    forecast: tuple[GroupReport, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 if all is well, 1 if a person must act, 2 if the file is wrong."""
        statuses = {feed.status for feed in self.feeds}
        if self.problem or WRONG_IN_FILE in statuses:
            return FILE_IS_WRONG
        return TO_BE_ACTED_ON if statuses - {WELL, WITHOUT_SAMPLE} else ALL_WELL

    def as_document(self) -> dict[str, Any]:
        """The report for JSON: days as ISO dates, always the same keys."""
        return {**_plain(asdict(self)), "exit_code": self.exit_code}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value
