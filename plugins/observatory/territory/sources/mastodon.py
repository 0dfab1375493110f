"""What a territory file says of public messages on a Mastodon server."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from observatory.territory.sources.token import TokenSource


class MastodonSource(TokenSource):
    """Messages with a hashtag, or that a search finds, as one server knows them; read under a convention alone.

    Attributes:
        hashtags: without their ``#``.
        queries: what is searched for; servers search for those alone who show a token.
        reads_threads: whether the thread of each message found is read; else only so much of it is known as was found.
    """

    reader: ClassVar[str] = "observatory.feeds.mastodon:MastodonFeed"
    needs_convention: ClassVar[bool] = True
    has_messages: ClassVar[bool] = True

    protocol: Literal["mastodon"]
    hashtags: tuple[Annotated[str, Field(pattern=r"^\w+$")], ...] = ()
    queries: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    reads_threads: bool = True

    @model_validator(mode="after")
    def _looks_for_something(self) -> MastodonSource:
        if not self.hashtags and not self.queries:
            raise ValueError("has neither `hashtags` nor `queries`", "at least one of them")
        return self
