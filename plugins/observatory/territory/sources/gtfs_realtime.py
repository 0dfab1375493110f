"""What a territory file says of public transport as it runs, in GTFS-Realtime."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.token import TokenSource


class GtfsRealtimeSource(TokenSource):
    """A GTFS-Realtime message below an address.

    Attributes:
        path: the message below the address.
        entity: what a row is: a vehicle's position, a stop of a trip as it is now foreseen, or an alert for a line, a
            stop or a trip.
    """

    reader: ClassVar[str] = "observatory.feeds.gtfs_realtime:GtfsRealtimeFeed"

    protocol: Literal["gtfs_realtime"]
    path: str = Field(min_length=1)
    entity: Literal["vehicle", "trip_update", "alert"]
