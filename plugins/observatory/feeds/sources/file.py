"""What a territory file says of files that are published whole."""

from __future__ import annotations

import codecs
from typing import ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from observatory.feeds.sources.base import Source
from observatory.strict import Strict

FORMATS = ("csv", "parquet", "geojson")


class Csv(Strict):
    """How a delimited file is written."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"is {value!r}", "an encoding, e.g. utf-8, latin-1 or cp1252") from None
        return value


class FileSource(Source):
    """Files below an address: a folder, a file server (SFTP, S3, …) or a web address.

    Attributes:
        path: file below the address; ``*`` stands for any name where the address is not a URL.
        format: how the file is written; by default what its name ends with.
        csv: separator and encoding where the format is csv.
    """

    reader: ClassVar[str] = "observatory.feeds.file:FileFeed"

    protocol: Literal["file"]
    path: str = Field(min_length=1)
    format: Literal["csv", "parquet", "geojson"] | None = None
    csv: Csv = Csv()

    @model_validator(mode="after")
    def _known_format(self) -> FileSource:
        if self.file_format not in FORMATS:
            raise ValueError(
                f"has `path` {self.path!r}", f"a name ending in {' or '.join(FORMATS)}, or the key `format`"
            )
        return self

    @property
    def file_format(self) -> str:
        """Format of the file: as declared, else as its name ends."""
        return self.format or self.path.rpartition(".")[2]
