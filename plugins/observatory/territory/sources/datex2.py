"""Settings of a source: road traffic in DATEX II."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.base import Strict
from observatory.territory.sources.file import Csv
from observatory.territory.sources.token import TokenSource


class Sites(Strict):
    """The list of measurement sites, a delimited file that accompanies the measurements.

    Attributes:
        path: the file below the source's address.
        key: its column with the site's id, to which measurements refer.
        csv: separator and encoding.
    """

    path: str = Field(min_length=1)
    key: str = Field(min_length=1)
    csv: Csv = Csv()


class Datex2Source(TokenSource):
    """A publication of DATEX II, version 2 or 3, below an address.

    Attributes:
        path: the publication below the address, an XML file.
        publication: what a row is: the measurements of a site in an interval, or a record of a situation.
        sites: list of the sites, for measurements; its columns are called ``site.<column>``.
        index: which value to read if a site reports several of a type, one per lane or class of vehicle.
    """

    reader: ClassVar[str] = "observatory.feeds.datex2:Datex2Reader"

    protocol: Literal["datex2"]
    path: str = Field(min_length=1)
    publication: Literal["measurements", "situations"]
    sites: Sites | None = None
    index: int | None = Field(default=None, ge=0)
