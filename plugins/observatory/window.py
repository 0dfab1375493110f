"""Half-open windows of local days, or of moments within them, with their bounds in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def local_midnight(day: date, timezone: str) -> datetime:
    """The UTC moment at which a local day begins."""
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)


@dataclass(frozen=True)
class Window:
    """Local days ``[first_day, end_day)`` in one time zone; a day may last 23 or 25 hours.

    Attributes:
        first_day: first local day.
        end_day: first local day after the window.
        timezone: IANA name.
        since: start of the window, UTC, if it begins within its first day.
        until: end of the window (exclusive), UTC, if it ends within its last day.
    """

    first_day: date
    end_day: date
    timezone: str
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        if self.end_day <= self.first_day:
            raise ValueError(f"window ends on {self.end_day}, not after its first day {self.first_day}")
        if self.end <= self.start:
            raise ValueError(f"window ends at {self.end}, not after its start {self.start}")

    @classmethod
    def of_day(cls, day: date, timezone: str) -> Window:
        """The window of a single local day."""
        return cls(day, day + timedelta(days=1), timezone)

    @classmethod
    def between(cls, start: datetime, end: datetime, timezone: str) -> Window:
        """The window ``[start, end)`` of two moments, with the local days that it touches."""
        zone = ZoneInfo(timezone)
        last_moment = end - timedelta(microseconds=1)
        end_day = last_moment.astimezone(zone).date() + timedelta(days=1)
        return cls(start.astimezone(zone).date(), end_day, timezone, start.astimezone(UTC), end.astimezone(UTC))

    @property
    def start(self) -> datetime:
        """First moment of the window, UTC."""
        return self.since or local_midnight(self.first_day, self.timezone)

    @property
    def end(self) -> datetime:
        """First moment after the window, UTC."""
        return self.until or local_midnight(self.end_day, self.timezone)

    def months(self) -> Iterator[Window]:
        """Cut the window at the first of each month, oldest first."""
        first = self.first_day
        while first < self.end_day:
            next_month = (first.replace(day=1) + timedelta(days=32)).replace(day=1)
            yield Window(first, min(next_month, self.end_day), self.timezone)
            first = next_month

    def days(self) -> Iterator[Window]:
        """Cut the window at each local midnight, oldest first."""
        day = self.first_day
        while day < self.end_day:
            following = day + timedelta(days=1)
            start, end = local_midnight(day, self.timezone), local_midnight(following, self.timezone)
            if self.start <= start and end <= self.end:
                yield Window(day, following, self.timezone)
            else:
                yield Window.between(max(start, self.start), min(end, self.end), self.timezone)
            day = following

    def __str__(self) -> str:
        """``2016-01-01..2016-01-31``, last day included; a window of moments to the minute."""
        if self.since is None and self.until is None:
            return f"{self.first_day}..{self.end_day - timedelta(days=1)}"
        zone = ZoneInfo(self.timezone)
        start, end = (f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}" for moment in (self.start, self.end))
        return f"{start}..{end}"
