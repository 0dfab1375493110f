"""Settings of a source: public messages on a Mastodon server."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from observatory.territory.sources.token import TokenSource


class MastodonSource(TokenSource):
    """Messages of one server with a hashtag, or found by a search; requires a convention.

    Attributes:
        hashtags: without their ``#``.
        queries: the searches; servers require a token for them.
        reads_threads: whether to read the thread of each message found; otherwise threads contain found messages only.
    """

    reader: ClassVar[str] = "observatory.feeds.mastodon:MastodonReader"
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
