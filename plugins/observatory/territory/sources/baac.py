"""Settings of a source: France's tables of road accidents."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from observatory.territory.sources.files import FileFetch


class BaacSource(FileFetch):
    """The four tables of each year since 2005, in a folder or on a file server, or as data.gouv.fr lists them.

    Attributes:
        path: pattern of the files; the table and the year are read from the file's name.
        dataset: identifier of the dataset on data.gouv.fr, if ``address`` is that site.
    """

    reader: ClassVar[str] = "observatory.feeds.baac:BaacReader"

    protocol: Literal["baac"]
    path: str = Field(default="*.csv", min_length=1)
    dataset: str | None = Field(default=None, pattern=r"^[\w-]+$")
