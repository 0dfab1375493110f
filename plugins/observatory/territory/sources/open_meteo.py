"""Settings of a source: weather by Open-Meteo."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from observatory.territory.base import Strict
from observatory.territory.sources.base import Source


class Place(Strict):
    """A place whose weather is read, degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class OpenMeteoSource(Source):
    """The hourly weather of places, forecast or archived.

    Attributes:
        dataset: ``forecast`` covers some days ahead and three months back; ``archive`` covers decades but not
            yesterday. Each has its own address.
        places: name of each place to its coordinates.
    """

    reader: ClassVar[str] = "observatory.feeds.open_meteo:OpenMeteoReader"

    protocol: Literal["open_meteo"]
    dataset: Literal["forecast", "archive"]
    places: dict[Annotated[str, Field(min_length=1)], Place] = Field(min_length=1)
