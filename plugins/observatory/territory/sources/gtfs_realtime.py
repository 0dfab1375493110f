"""Settings of a source: real-time information of public transport in GTFS-Realtime."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.token import TokenSource


class GtfsRealtimeSource(TokenSource):
    """A GTFS-Realtime message below an address.

    Attributes:
        path: the message below the address.
        entity: what a row is: the position of a vehicle, a predicted stop of a trip, or an alert for a line, a stop or
            a trip.
    """

    reader: ClassVar[str] = "observatory.feeds.gtfs_realtime:GtfsRealtimeReader"

    protocol: Literal["gtfs_realtime"]
    path: str = Field(min_length=1)
    entity: Literal["vehicle", "trip_update", "alert"]
