"""Sources: what a territory file says of each protocol. A new protocol is registered here and nowhere else.

Light: the schedules read it. The module that reads a source is named by its ``reader`` and imported when it is opened.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from observatory.feeds.sources.arcgis import ArcgisSource
from observatory.feeds.sources.baac import BaacSource
from observatory.feeds.sources.base import Source
from observatory.feeds.sources.bluesky import BlueskySource
from observatory.feeds.sources.ckan import CkanSource
from observatory.feeds.sources.database import DatabaseSource
from observatory.feeds.sources.datex2 import Datex2Source
from observatory.feeds.sources.file import FileSource
from observatory.feeds.sources.gbfs import GbfsSource
from observatory.feeds.sources.gtfs import GtfsSource
from observatory.feeds.sources.gtfs_realtime import GtfsRealtimeSource
from observatory.feeds.sources.icalendar import ICalendarSource
from observatory.feeds.sources.mastodon import MastodonSource
from observatory.feeds.sources.ngsi_ld import NgsiLdSource
from observatory.feeds.sources.open311 import Open311Source
from observatory.feeds.sources.open_meteo import OpenMeteoSource
from observatory.feeds.sources.openagenda import OpenAgendaSource
from observatory.feeds.sources.opendatasoft import OpendatasoftSource
from observatory.feeds.sources.overpass import OverpassSource
from observatory.feeds.sources.socrata import SocrataSource
from observatory.feeds.sources.synop import SynopSource

AnySource = Annotated[
    ArcgisSource
    | BaacSource
    | BlueskySource
    | CkanSource
    | DatabaseSource
    | Datex2Source
    | FileSource
    | GbfsSource
    | GtfsRealtimeSource
    | GtfsSource
    | ICalendarSource
    | MastodonSource
    | NgsiLdSource
    | Open311Source
    | OpenAgendaSource
    | OpenMeteoSource
    | OpendatasoftSource
    | OverpassSource
    | SocrataSource
    | SynopSource,
    Field(discriminator="protocol"),
]

__all__ = [
    "AnySource",
    "ArcgisSource",
    "BaacSource",
    "BlueskySource",
    "CkanSource",
    "DatabaseSource",
    "Datex2Source",
    "FileSource",
    "GbfsSource",
    "GtfsRealtimeSource",
    "GtfsSource",
    "ICalendarSource",
    "MastodonSource",
    "NgsiLdSource",
    "Open311Source",
    "OpenAgendaSource",
    "OpenMeteoSource",
    "OpendatasoftSource",
    "OverpassSource",
    "SocrataSource",
    "Source",
    "SynopSource",
]
