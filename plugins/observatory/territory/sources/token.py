"""Settings of a source that requires or accepts an access token."""

from __future__ import annotations

from pydantic import Field

from observatory.territory.sources.base import Source


class TokenSource(Source):
    """A source that requires a token, or allows more requests with one.

    Attributes:
        token_variable: environment variable, or variable of Airflow's secrets backend, with the token; the token
            itself must never be written in a territory file.
    """

    token_variable: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")
