"""iCalendar (RFC 5545): events of a calendar, with one row per recurrence."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import icalendar
import polars as pl
import recurring_ical_events

from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.file import readable
from observatory.feeds.files.fetch import fetched
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import tabulate
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import ICalendarSource
from observatory.window import Window

KEY, START, END = "occurrence_id", "start", "end"
"""Columns made here, beside an event's properties in lower case: which occurrence it is, and its times with offset."""
_EARLIER = timedelta(days=366)
_OF_PERSONS = frozenset({"ATTENDEE", "ORGANIZER", "CONTACT"})
_PROPERTIES = {name.lower() for name in (*icalendar.Event.singletons, *icalendar.Event.multiple)}
"""What an event may have; a calendar in which none has it is as it should be."""


@dataclass(frozen=True)
class ICalendarFeed:
    """Occurrences of a calendar's events; the calendar is in memory whole.

    They begin with the feed's ``history_start``, a year before the window where it has none, and end with the source's
    ``horizon_days`` after it: an event may recur for ever.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        patience: how long a web server is asked before it counts as down.
        chunk_rows: rows of a chunk.
    """

    territory_code: str
    feed: FeedSettings
    patience: Patience = PATIENT
    chunk_rows: int = CHUNK_ROWS

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the occurrences; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        yield from within(window, self._chunks(where, window), self.feed)

    def _chunks(self, where: str, window: Window) -> Iterator[pl.DataFrame]:
        source = cast("ICalendarSource", self.feed.source)
        first = self.feed.history_start or window.first_day - _EARLIER
        last = window.end_day + timedelta(days=source.horizon_days)
        clock = ZoneInfo(window.timezone)
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            for path in fetched(where, self.feed, Path(folder), patience=self.patience):
                in_file = f"{where}, {path.name}"
                with readable(in_file, self.feed, "iCalendar"):
                    calendar = icalendar.Calendar.from_ical(path.read_bytes())
                    events = recurring_ical_events.of(calendar, components=["VEVENT"]).between(first, last)
                    if any(event.get("UID") is None for event in events):
                        raise ValueError("an event has no UID")
                    rows = sorted((_row(event, clock) for event in events), key=lambda row: (row[START], row[KEY]))
                for at in range(0, len(rows), self.chunk_rows):
                    frame, delivered = tabulate(rows[at : at + self.chunk_rows], self.feed.read_columns)
                    require_columns(in_file, self.feed, delivered | _PROPERTIES, are_all=True)
                    yield frame


def _row(event: icalendar.Event, clock: ZoneInfo) -> dict[str, Any]:
    """An occurrence's properties as text; those of persons are no text and stay away."""
    start, end = event.start, event.end
    original = event.get("RECURRENCE-ID")
    original_start = original.dt if original is not None else start
    properties = {name.lower(): _text(value) for name, value in event.items() if name not in _OF_PERSONS}
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
    """A moment in UTC; a day begins on the city's clock, and so is read what has no zone."""
    moment = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock)
    return moment.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%S+00:00")
