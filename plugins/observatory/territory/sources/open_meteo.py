"""What a territory file says of the weather by Open-Meteo."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from observatory.territory.base import Strict
from observatory.territory.sources.base import Source


class Place(Strict):
    """A place whose weather is asked for, degrees."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class OpenMeteoSource(Source):
    """The hourly weather of places, as foreseen or as it was.

    Attributes:
        dataset: ``forecast`` reaches some days ahead and three months back, ``archive`` decades back but not to
            yesterday; each has an address of its own.
        places: name of each place to where it is.
    """

    reader: ClassVar[str] = "observatory.feeds.open_meteo:OpenMeteoFeed"

    protocol: Literal["open_meteo"]
    dataset: Literal["forecast", "archive"]
    places: dict[Annotated[str, Field(min_length=1)], Place] = Field(min_length=1)
