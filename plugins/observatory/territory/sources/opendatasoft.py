"""Settings of a source: a dataset on an Opendatasoft portal."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class OpendatasoftSource(Source):
    """One dataset of a portal with Opendatasoft's Explore API v2.1.

    Attributes:
        dataset: identifier of the dataset, as in its address.
    """

    reader: ClassVar[str] = "observatory.feeds.opendatasoft:OpendatasoftReader"

    protocol: Literal["opendatasoft"]
    dataset: str = Field(pattern=r"^[\w@-]+$")
