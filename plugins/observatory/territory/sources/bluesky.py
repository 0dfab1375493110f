"""Settings of a source: public messages on Bluesky."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from observatory.territory.sources.base import Source

Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class BlueskySource(Source):
    """Messages found by searches; requires a convention.

    Attributes:
        queries: the searches.
        language: language of the messages, if only one is wanted.
        reads_threads: whether to read the thread of each message found; otherwise threads contain found messages only.
        name_variable: environment variable, or variable of Airflow's secrets backend, with the name of the city's own
            account, if the server requires a login.
        password_variable: variable with the app password of that account.
    """

    reader: ClassVar[str] = "observatory.feeds.bluesky:BlueskyReader"
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
            raise ValueError("has an incomplete login", "both `name_variable` and `password_variable`, or neither")
        return self
