"""iCalendar (RFC 5545): events of a calendar, with one row per recurrence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
import polars as pl
import recurring_ical_events

from observatory.feeds.base import Reader, require_columns
from observatory.feeds.file import readable
from observatory.feeds.files.fetch import fetched
from observatory.feeds.json_source import tabulate
from observatory.territory.sources import ICalendarSource

KEY, START, END = "occurrence_id", "start", "end"
"""Computed columns, beside an event's properties in lower case: the occurrence's identifier, and its times in UTC."""
_EARLIER = timedelta(days=366)
_PERSONS = frozenset({"ATTENDEE", "ORGANIZER", "CONTACT"})
_PROPERTIES = {name.lower() for name in (*icalendar.Event.singletons, *icalendar.Event.multiple)}
"""Properties that an event may have; one that no event has is not a missing column."""


class ICalendarReader(Reader[ICalendarSource]):
    """Occurrences of a calendar's events; the whole calendar is held in memory.

    Because an event may recur for ever, occurrences are listed from the feed's ``history_start``, by default a year
    before the window, until the source's ``horizon_days`` after it.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        first = self.feed.history_start or self.window.first_day - _EARLIER
        last = self.window.end_day + timedelta(days=self.source.horizon_days)
        clock = ZoneInfo(self.window.timezone)
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for path in fetched(self.feed_window, Path(folder), patience=self.patience):
                subject = f"{self.subject}, {path.name}"
                with readable(subject, self.feed, "iCalendar"):
                    calendar = icalendar.Calendar.from_ical(path.read_bytes())
                    events = recurring_ical_events.of(calendar, components=["VEVENT"]).between(first, last)
                    if any(event.get("UID") is None for event in events):
                        raise ValueError("an event has no UID")
                    rows = sorted((_row(event, clock) for event in events), key=lambda row: (row[START], row[KEY]))
                for at in range(0, len(rows), self.chunk_rows):
                    frame, delivered = tabulate(rows[at : at + self.chunk_rows], self.feed.read_columns)
                    require_columns(subject, self.plan, delivered | _PROPERTIES, are_all=True)
                    yield frame


def _row(event: icalendar.Event, clock: ZoneInfo) -> dict[str, Any]:
    """An occurrence's properties as text, without those that name persons."""
    start, end = event.start, event.end
    original = event.get("RECURRENCE-ID")
    original_start = original.dt if original is not None else start
    properties = {name.lower(): _text(value) for name, value in event.items() if name not in _PERSONS}
    return {
        **properties,
        KEY: f"{event.get('UID')}/{_moment(original_start, clock)}",
        START: _moment(start, clock),
        END: _moment(end, clock),
    }


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return ",".join(filter(None, map(_text, value)))
    if isinstance(value, icalendar.vText):
        return str(value)
    written = value.to_ical()
    return written.decode() if isinstance(written, bytes) else str(written)


def _moment(value: date | datetime, clock: ZoneInfo) -> str:
    """A time in UTC; dates, and times without a time zone, are local to the city."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock)
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S+00:00")
