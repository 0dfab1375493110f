"""Settings of a source: a table in a CKAN portal's datastore."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class CkanSource(Source):
    """One resource in the datastore of a CKAN portal.

    Attributes:
        resource: identifier of the resource.
    """

    reader: ClassVar[str] = "observatory.feeds.ckan:CkanReader"

    protocol: Literal["ckan"]
    resource: str = Field(pattern=r"^[\w-]+$")
