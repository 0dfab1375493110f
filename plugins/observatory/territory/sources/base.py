"""Settings that the sources of every protocol have."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, model_validator

from observatory.territory.base import Strict


class Source(Strict):
    """The protocol and address from which a feed is read.

    Attributes:
        reader: the class that reads such a source, as ``module:class``; imported when a feed is opened.
        needs_convention: whether a convention is required, because its records are messages of persons.
        has_messages: whether its reader scores the texts of messages and then discards them.
        protocol: name of the protocol; each subclass has its own.
        address: base URL or folder; a relative folder starts at the project's root.
        requests_per_minute: how often the server lets itself be asked, by all processes of this machine together;
            None where it sets no limit.
    """

    reader: ClassVar[str]
    needs_convention: ClassVar[bool] = False
    has_messages: ClassVar[bool] = False

    protocol: str
    address: str = Field(min_length=1)
    requests_per_minute: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _limit_of_a_server(self) -> Self:
        if self.requests_per_minute and not self.address.startswith(("http://", "https://")):
            raise ValueError(
                f"has `requests_per_minute` and the address {self.address!r}",
                "`requests_per_minute` only where the address begins with http:// or https://",
            )
        return self

    @property
    def is_inbox(self) -> bool:
        """Whether the partner delivers files to a folder, from which each is read once and then deleted."""
        return False

    def moved_to(self, address: str) -> Self:
        """The same source at another address, base URL or folder, without a rate limit."""
        return self.model_copy(update={"address": address, "requests_per_minute": None})
