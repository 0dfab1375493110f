"""What a territory file says of public messages on Bluesky."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from observatory.territory.sources.base import Source

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class BlueskySource(Source):
    """Messages that a search finds; read under a convention alone.

    Attributes:
        queries: what is searched for, each by itself.
        language: of the messages, where only one is wanted.
        reads_threads: whether the thread of each message found is read; else only so much of it is known as was found.
        name_variable: variable of the environment, or of Airflow's secrets backend, with the name of the city's own
            account, where the server requires a login.
        password_variable: variable with that account's app password.
    """

    reader: ClassVar[str] = "observatory.feeds.bluesky:BlueskyFeed"
    needs_convention: ClassVar[bool] = True
    has_messages: ClassVar[bool] = True

    protocol: Literal["bluesky"]
    queries: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    language: str | None = None
    reads_threads: bool = True
    name_variable: Variable | None = None
    password_variable: Variable | None = None

    @model_validator(mode="after")
    def _whole_login(self) -> BlueskySource:
        if (self.name_variable is None) != (self.password_variable is None):
            raise ValueError("has half of a login", "both `name_variable` and `password_variable`, or neither")
        return self
