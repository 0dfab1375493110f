"""What every protocol needs to know of a source."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field

from observatory.strict import Strict


class Source(Strict):
    """Where a feed's rows are and over which protocol they come.

    Attributes:
        reader: the class that reads such a source, as ``module:class``; imported when a feed is opened.
        needs_convention: whether its records are read under a convention alone, because persons speak in them.
        has_messages: whether its reader scores the texts of messages before it forgets them.
        protocol: name of the protocol; each subclass has its own.
        address: base URL or folder; a relative folder is taken from the project's root.
    """

    reader: ClassVar[str]
    needs_convention: ClassVar[bool] = False
    has_messages: ClassVar[bool] = False

    protocol: str
    address: str = Field(min_length=1)

    @property
    def is_inbox(self) -> bool:
        """Whether the partner sends, and nobody is asked: what lies in a folder is taken once, and then deleted."""
        return False

    def moved_to(self, address: str) -> Self:
        """The same source at another address: base URL or folder."""
        return self.model_copy(update={"address": address})
