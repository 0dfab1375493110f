"""Settings of sources, one class a protocol. A new protocol is registered here and nowhere else.

DAG files import these modules, so the class that reads a source is named in ``reader`` and imported when it is opened.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from observatory.territory.sources.arcgis import ArcgisSource
from observatory.territory.sources.baac import BaacSource
from observatory.territory.sources.base import Source
from observatory.territory.sources.bluesky import BlueskySource
from observatory.territory.sources.ckan import CkanSource
from observatory.territory.sources.database import DatabaseSource
from observatory.territory.sources.datex2 import Datex2Source
from observatory.territory.sources.file import FileSource
from observatory.territory.sources.gbfs import GbfsSource
from observatory.territory.sources.gtfs import GtfsSource
from observatory.territory.sources.gtfs_realtime import GtfsRealtimeSource
from observatory.territory.sources.icalendar import ICalendarSource
from observatory.territory.sources.mastodon import MastodonSource
from observatory.territory.sources.ngsi_ld import NgsiLdSource
from observatory.territory.sources.open311 import Open311Source
from observatory.territory.sources.open_meteo import OpenMeteoSource
from observatory.territory.sources.openagenda import OpenAgendaSource
from observatory.territory.sources.opendatasoft import OpendatasoftSource
from observatory.territory.sources.overpass import OverpassSource
from observatory.territory.sources.socrata import SocrataSource
from observatory.territory.sources.synop import SynopSource

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
