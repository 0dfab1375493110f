"""Settings of a source: a calendar in iCalendar."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.files import FileFetch


class ICalendarSource(FileFetch):
    """One calendar or several, as files or at a web address.

    Attributes:
        horizon_days: how far beyond a window recurring events are expanded, days.
    """

    reader: ClassVar[str] = "observatory.feeds.icalendar:ICalendarReader"

    protocol: Literal["icalendar"]
    horizon_days: int = Field(default=400, ge=1, le=3_660)
