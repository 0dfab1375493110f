"""What an examination found, as plain values: for the tables a person reads and the document a machine does."""

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
    """A column of the contract, what it is read from, and the share of the sample's rows that have a value there."""

    column: str
    sources: tuple[str, ...]
    filled_share: float | None


@dataclass(frozen=True)
class Rejection:
    """Why some records of the sample were rejected: the check, how many, and the first reason in words."""

    column: str
    check: str
    count: int
    reason: str


@dataclass(frozen=True)
class FeedReport:
    """One feed.

    Attributes:
        status: ``ok``, or what is in the way.
        problem: what was found, what was expected and what to do; None if there is none.
        first_day: of the days asked for.
        last_day: of the days asked for.
        is_partial: whether the source had more rows of those days than were read.
        located_share: accepted records that have a point; None where there are none.
        oldest_day: local day of the oldest record of the sample.
        newest_day: local day of the newest.
        late_days: days by which the newest record is older than the file lets expect; None where that cannot be told.
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
    located_share: float | None = None
    history_start: date | None = None
    oldest_day: date | None = None
    newest_day: date | None = None
    late_days: int | None = None
    columns: tuple[MappedColumn, ...] = ()
    rejections: tuple[Rejection, ...] = ()


@dataclass(frozen=True)
class GroupReport:
    """Whether one group of categories may be forecast yet; counts are of reported and sensor incidents."""

    category_group: str
    history_days: int
    incident_count: int
    located_count: int
    is_legitimate: bool
    reason: str | None


@dataclass(frozen=True)
class Report:
    """A city.

    Attributes:
        problem: what is wrong with its file; None where it can be read.
        assessed_by: ``warehouse``, ``sample`` or ``nothing``: what the groups' counts are of.
    """

    territory: str
    today: date | None = None
    problem: str | None = None
    feeds: tuple[FeedReport, ...] = ()
    assessed_by: str = "nothing"
    forecast: tuple[GroupReport, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 where all is well, 1 where a person must act, 2 where the file is wrong."""
        statuses = {feed.status for feed in self.feeds}
        if self.problem or WRONG_IN_FILE in statuses:
            return FILE_IS_WRONG
        return TO_BE_ACTED_ON if statuses - {WELL, WITHOUT_SAMPLE} else ALL_WELL

    def as_document(self) -> dict[str, Any]:
        """The report with days as ISO texts, always with the same keys."""
        return {**_plain(asdict(self)), "exit_code": self.exit_code}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.isoformat() if isinstance(value, date) else value
