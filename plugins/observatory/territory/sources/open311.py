"""Settings of a source: an Open311 server."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class Open311Source(Source):
    """The service requests of an Open311 GeoReport v2 server.

    Attributes:
        jurisdiction: identifier of the city, if the server has several.
        most_listed: most requests in a response: 1,000 by the specification; some servers list 50 or 100.
    """

    reader: ClassVar[str] = "observatory.feeds.open311:Open311Reader"

    protocol: Literal["open311"]
    jurisdiction: str | None = None
    most_listed: int = Field(default=1_000, ge=2)
