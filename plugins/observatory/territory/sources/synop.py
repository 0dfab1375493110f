"""Settings of a source: SYNOP weather observations as Météo-France publishes them."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class SynopSource(Source):
    """Monthly files of SYNOP observations below an address.

    Attributes:
        path: name of the monthly file, with ``%Y`` and ``%m`` for year and month.
    """

    reader: ClassVar[str] = "observatory.feeds.synop:SynopReader"

    protocol: Literal["synop"]
    path: str = Field(default="synop.%Y%m.csv.gz", pattern=r"%Y")
