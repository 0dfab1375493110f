"""Settings of a source: places of OpenStreetMap, read through Overpass."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from observatory.territory.sources.base import Source

Tag = Annotated[str, Field(pattern=r'^[^"\\]+$')]


class OverpassSource(Source):
    """Places with certain tags within a rectangle; the address is that of the interpreter.

    Attributes:
        tags: tag key to its wanted values; a place needs one of the keys with one of its values.
        south, west, north, east: the rectangle, degrees.
    """

    reader: ClassVar[str] = "observatory.feeds.overpass:OverpassReader"

    protocol: Literal["overpass"]
    tags: dict[Tag, Annotated[tuple[Tag, ...], Field(min_length=1)]] = Field(min_length=1)
    south: float = Field(ge=-90, le=90)
    west: float = Field(ge=-180, le=180)
    north: float = Field(ge=-90, le=90)
    east: float = Field(ge=-180, le=180)

    @model_validator(mode="after")
    def _has_an_area(self) -> OverpassSource:
        if self.south >= self.north or self.west >= self.east:
            raise ValueError(
                f"is from {self.south} to {self.north} and from {self.west} to {self.east}",
                "`south` below `north` and `west` below `east`",
            )
        return self
