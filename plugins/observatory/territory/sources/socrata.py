"""Settings of a source: a Socrata resource."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class SocrataSource(Source):
    """One resource of a Socrata portal.

    Attributes:
        resource: identifier of the resource, e.g. ``ijzp-q8t2``.
    """

    reader: ClassVar[str] = "observatory.feeds.socrata:SocrataReader"

    protocol: Literal["socrata"]
    resource: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
