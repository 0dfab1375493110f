"""Settings of a source: a context broker with NGSI-LD."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.token import TokenSource


class NgsiLdSource(TokenSource):
    """The entities of one type at a broker; the address ends in ``/ngsi-ld/v1``.

    Attributes:
        type: type of the entities, e.g. ``Alert``.
        tenant: the broker's tenant, if it has several.
        context: address of the ``@context`` that defines the type, if the broker needs it.
    """

    reader: ClassVar[str] = "observatory.feeds.ngsi_ld:NgsiLdReader"

    protocol: Literal["ngsi_ld"]
    type: str = Field(min_length=1)
    tenant: str | None = None
    context: str | None = None
