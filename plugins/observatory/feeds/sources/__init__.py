"""Sources: what a territory file says of each protocol. A new protocol is registered here and nowhere else.

Light: the schedules read it. The module that reads a source is named by its ``reader`` and imported when it is opened.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from observatory.feeds.sources.base import Source
from observatory.feeds.sources.bluesky import BlueskySource
from observatory.feeds.sources.datex2 import Datex2Source
from observatory.feeds.sources.file import FileSource
from observatory.feeds.sources.gbfs import GbfsSource
from observatory.feeds.sources.gtfs import GtfsSource
from observatory.feeds.sources.gtfs_realtime import GtfsRealtimeSource
from observatory.feeds.sources.mastodon import MastodonSource
from observatory.feeds.sources.ngsi_ld import NgsiLdSource
from observatory.feeds.sources.open_meteo import OpenMeteoSource
from observatory.feeds.sources.overpass import OverpassSource
from observatory.feeds.sources.socrata import SocrataSource
from observatory.feeds.sources.synop import SynopSource

AnySource = Annotated[
    BlueskySource
    | Datex2Source
    | FileSource
    | GbfsSource
    | GtfsSource
    | GtfsRealtimeSource
    | MastodonSource
    | NgsiLdSource
    | OpenMeteoSource
    | OverpassSource
    | SocrataSource
    | SynopSource,
    Field(discriminator="protocol"),
]  # fmt: skip

__all__ = [
    "AnySource",
    "BlueskySource",
    "Datex2Source",
    "FileSource",
    "GbfsSource",
    "GtfsRealtimeSource",
    "GtfsSource",
    "MastodonSource",
    "NgsiLdSource",
    "OpenMeteoSource",
    "OverpassSource",
    "SocrataSource",
    "Source",
    "SynopSource",
]
