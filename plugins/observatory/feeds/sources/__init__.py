"""Sources: what a territory file says of each protocol. A new protocol is registered here and nowhere else.

Light: the schedules read it. The module that reads a source is named by its ``reader`` and imported when it is opened.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from observatory.feeds.sources.arcgis import ArcgisSource
from observatory.feeds.sources.baac import BaacSource
from observatory.feeds.sources.base import Source
from observatory.feeds.sources.ckan import CkanSource
from observatory.feeds.sources.database import DatabaseSource
from observatory.feeds.sources.file import FileSource
from observatory.feeds.sources.icalendar import ICalendarSource
from observatory.feeds.sources.open311 import Open311Source
from observatory.feeds.sources.openagenda import OpenAgendaSource
from observatory.feeds.sources.opendatasoft import OpendatasoftSource
from observatory.feeds.sources.socrata import SocrataSource

AnySource = Annotated[
    ArcgisSource
    | BaacSource
    | CkanSource
    | DatabaseSource
    | FileSource
    | ICalendarSource
    | Open311Source
    | OpenAgendaSource
    | OpendatasoftSource
    | SocrataSource,
    Field(discriminator="protocol"),
]

__all__ = [
    "AnySource",
    "ArcgisSource",
    "BaacSource",
    "CkanSource",
    "DatabaseSource",
    "FileSource",
    "ICalendarSource",
    "Open311Source",
    "OpenAgendaSource",
    "OpendatasoftSource",
    "SocrataSource",
    "Source",
]
