"""Settings of a source: a timetable in GTFS."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.token import TokenSource


class GtfsSource(TokenSource):
    """A GTFS archive below an address.

    Attributes:
        path: the archive below the address, a zip.
    """

    reader: ClassVar[str] = "observatory.feeds.gtfs:GtfsReader"

    protocol: Literal["gtfs"]
    path: str = Field(min_length=1)
