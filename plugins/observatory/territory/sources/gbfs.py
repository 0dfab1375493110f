"""What a territory file says of shared vehicles in GBFS."""

from __future__ import annotations

from typing import ClassVar, Literal

from observatory.territory.sources.token import TokenSource


class GbfsSource(TokenSource):
    """The stations of a system, whose address is that of its ``gbfs.json``.

    Attributes:
        language: which of a system's languages is read, where it has several.
    """

    reader: ClassVar[str] = "observatory.feeds.gbfs:GbfsFeed"

    protocol: Literal["gbfs"]
    language: str = "fr"
