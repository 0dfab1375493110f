"""Settings of a source: shared vehicles in GBFS."""

from __future__ import annotations

from typing import ClassVar, Literal

from observatory.territory.sources.token import TokenSource


class GbfsSource(TokenSource):
    """The stations of a system; the address is that of its ``gbfs.json``.

    Attributes:
        language: which language to read if the system has several.
    """

    reader: ClassVar[str] = "observatory.feeds.gbfs:GbfsReader"

    protocol: Literal["gbfs"]
    language: str = "fr"
