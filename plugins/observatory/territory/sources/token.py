"""What a territory file says of a source that wants to know who asks."""

from __future__ import annotations

from pydantic import Field

from observatory.territory.sources.base import Source


class TokenSource(Source):
    """A source that answers only, or more readily, to who shows a token.

    Attributes:
        token_variable: environment variable that holds the token; the token itself never stands in a file.
    """

    token_variable: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")
