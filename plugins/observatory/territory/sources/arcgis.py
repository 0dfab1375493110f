"""Settings of a source: a layer of an ArcGIS server."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.base import Source


class ArcgisSource(Source):
    """One layer of a FeatureServer or MapServer; its shape is the column ``geometry``.

    Attributes:
        address: the service, up to and including ``FeatureServer`` or ``MapServer``.
        layer: number of the layer.
    """

    reader: ClassVar[str] = "observatory.feeds.arcgis:ArcgisReader"

    protocol: Literal["arcgis"]
    layer: int = Field(ge=0)
