"""What a territory file says of an Open311 server."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class Open311Source(Source):
    """The requests of a server that speaks Open311 GeoReport v2.

    Attributes:
        jurisdiction: identifier of the city where a server has several.
        most_listed: requests that the server lists at a time: 1,000 by the specification, some list 50 or 100.
    """

    reader: ClassVar[str] = "observatory.feeds.open311:Open311Feed"

    protocol: Literal["open311"]
    jurisdiction: str | None = None
    most_listed: int = Field(default=1_000, ge=2)
