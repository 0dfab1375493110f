"""Settings of a source: tables in files."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from observatory.territory.base import Strict
from observatory.territory.sources.files import VARIABLE, FileFetch

FORMATS = ("csv", "jsonl", "parquet", "geojson", "xlsx")
_PACKED = (".gz", ".zip")


class Csv(Strict):
    """How a delimited file is written.

    Attributes:
        separator: character between two fields.
        encoding: encoding of the text.
        is_last_line_open: whether the last line has no line end, so that its absence is no sign of a truncated file.
    """

    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    is_last_line_open: bool = False

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"is {value!r}", "an encoding, e.g. utf-8, latin-1 or cp1252") from None
        return value


class Sheet(Strict):
    """Where the rows of a workbook are.

    Attributes:
        name: name of the sheet; the first without one.
        header_row: number of the row that has the columns' names, from 1.
    """

    name: str | None = None
    header_row: int = Field(default=1, ge=1)


class FileSource(FileFetch):
    """Tables in files, compressed (``.gz``, ``.zip``) or not.

    Attributes:
        format: format of the file; by default the ending of its name.
        csv: separator and encoding of format csv.
        sheet: sheet and header row of format xlsx.
        aliases: name that is used in ``columns`` to its names in the editions of the file, of which the first that
            exists is read; ``*`` stands for any text, which is then the column ``<name>.*``.
        inbox: whether the address is a folder of this machine to which partners deliver files: each is read
            completely, whatever the window, and deleted once it is loaded. A relative address starts at the state
            folder, and the folder is created when it is first needed.
        push_token: name of the variable, of the environment or of Airflow's secrets backend, with the token that lets a
            partner send files into the inbox over HTTP.
    """

    reader: ClassVar[str] = "observatory.feeds.file:FileReader"

    protocol: Literal["file"]
    format: Literal["csv", "jsonl", "parquet", "geojson", "xlsx"] | None = None
    csv: Csv = Csv()
    sheet: Sheet = Sheet()
    aliases: dict[str, Annotated[tuple[str, ...], Field(min_length=1)]] = {}
    inbox: bool = False
    push_token: str | None = Field(default=None, pattern=VARIABLE)

    @model_validator(mode="after")
    def _known_format(self) -> FileSource:
        if self.file_format not in FORMATS:
            raise ValueError(
                f"has `path` {self.path!r}", f"a name ending in {' or '.join(FORMATS)}, or the key `format`"
            )
        return self

    @model_validator(mode="after")
    def _inbox_is_a_folder(self) -> FileSource:
        if self.push_token and not self.inbox:
            raise ValueError("has `push_token` without `inbox`", "`inbox: true`, the folder for what is sent")
        if not self.inbox:
            return self
        if "://" in self.address or ".." in Path(self.address).parts:
            raise ValueError(
                f"has an `inbox` at {self.address!r}",
                "a folder of this machine, without `..`: its files are deleted once they are loaded",
            )
        if self.push_token and not re.fullmatch(r"\*(\.\w+)*", self.path):
            raise ValueError(f"has `path` {self.path!r} with `push_token`", "`*` and an ending, such as *.jsonl")
        return self

    @property
    def is_inbox(self) -> bool:
        """See ``Source.is_inbox``."""
        return self.inbox

    def moved_to(self, address: str) -> Self:
        """The same source at another address; an inbox is unchanged, since no portal has its deliveries."""
        return self if self.inbox else super().moved_to(address)

    @property
    def file_format(self) -> str:
        """Format of the file: as declared, or else the ending of its name or of the archive's members."""
        name = self.member if self.path.endswith(".zip") and "." in self.member else self.path
        for packed in _PACKED:
            name = name.removesuffix(packed)
        return self.format or name.rpartition(".")[2]
