"""Mastodon: what remains of public messages that one server knows, and of their threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, token_header
from observatory.feeds.messages.posts import Post, Scorer, days, rows_of, said, without_markup
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import MastodonSource
from observatory.window import Window

if TYPE_CHECKING:
    from requests import Response

PAGE_ROWS = 40
_PUBLIC = ("public", "unlisted")
# an identifier is when a message came to the server, which may be later than it was written
_LATE = timedelta(days=1)


@dataclass(frozen=True)
class MastodonFeed:
    """Messages of a window; see ``observatory.feeds.messages.posts`` for their columns.

    A message is known by its number on the server that is asked; its address has the account in it. What its author
    shows to followers alone is left out, whatever the token may see.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        page_rows: messages asked for at a time; servers allow 40.
        score: what tells a text's theme and tone.
        patience: how long the server is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    page_rows: int = PAGE_ROWS
    score: Scorer | None = None
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield what remains of the messages of a window, day by day; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("MastodonSource", self.feed.source)
        api = JsonClient(where, self.feed, self.patience, token_header(where, source.token_variable))
        for day in days(window):
            yield from rows_of(self._posts(api, day), where, self.feed, day, self.score)

    def _posts(self, api: JsonClient, day: Window) -> Iterator[Post]:
        """The messages that are found, then those of their threads."""
        source = cast("MastodonSource", self.feed.source)
        threads: dict[str, None] = {}
        for status in self._found(api, day):
            yield _post(status, is_found=True)
            if source.reads_threads and (status.get("in_reply_to_id") or status.get("replies_count")):
                threads[str(status["id"])] = None
        read = set[str]()
        for number in threads:
            if number not in read:
                for post in self._thread(api, number):
                    read.add(post.id)
                    yield post

    def _found(self, api: JsonClient, day: Window) -> Iterator[dict[str, Any]]:
        source = cast("MastodonSource", self.feed.source)
        bounds = {"limit": self.page_rows, "min_id": None, "max_id": str(_number_at(day.end + _LATE))}
        for tag in source.hashtags:
            asked, before = bounds, list[str]()
            while True:
                page = self._statuses(api, api.get(f"api/v1/timelines/tag/{tag}", _given(asked)))
                yield from (status for status in page if _is_public(status))
                if not page or all(_is_before(status, day.start) for status in page):
                    break
                before = self._moved_on(api, before, page)
                asked = bounds | {"max_id": before[-1]}
        for query in source.queries:
            offset, before = 0, list[str]()
            asked = bounds | {"min_id": str(_number_at(day.start)), "q": query, "type": "statuses"}
            while True:
                answer = api.get("api/v2/search", _given(asked | {"offset": offset}))
                page = self._statuses(api, answer.get("statuses") if isinstance(answer, dict) else None)
                yield from (status for status in page if _is_public(status))
                if not page:
                    break
                before = self._moved_on(api, before, page)
                offset += len(page)

    def _statuses(self, api: JsonClient, answer: Any) -> list[dict[str, Any]]:
        if not isinstance(answer, list) or not all(isinstance(each, dict) and each.get("id") for each in answer):
            raise api.changed("an answer that is no list of statuses with their ids", "statuses")
        return answer

    def _moved_on(self, api: JsonClient, before: list[str], page: list[dict[str, Any]]) -> list[str]:
        """The numbers of a page's messages, which are not those of the page before."""
        numbers = [str(status["id"]) for status in page]
        if numbers == before:
            raise api.changed("the same page for another question", "the page after it")
        return numbers

    def _thread(self, api: JsonClient, number: str) -> Iterator[Post]:
        """Messages above and below one, and below the first of them; none where it was deleted meanwhile."""
        above, below = self._context(api, number)
        yield from (_post(status, is_found=False) for status in above[:1])
        yield from (_post(status, is_found=False, keeps_text=False) for status in above[1:] + below)
        if above:
            _, below = self._context(api, str(above[0]["id"]))
            yield from (_post(status, is_found=False, keeps_text=False) for status in below)

    def _context(self, api: JsonClient, number: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        answer = api.get(f"api/v1/statuses/{number}/context", is_missing=_is_missing)
        if answer is None:
            return [], []
        if not isinstance(answer, dict):
            raise api.changed("a context that is no object", "ancestors and descendants")
        above, below = (self._statuses(api, answer.get(name)) for name in ("ancestors", "descendants"))
        return above, below


def _post(status: dict[str, Any], *, is_found: bool, keeps_text: bool = True) -> Post:
    parent = status.get("in_reply_to_id")
    return Post(
        id=str(status["id"]),
        parent=None if parent is None else str(parent),
        root_hint=None,
        created_at=said(status.get("created_at")),
        indexed_at=None,
        language=said(status.get("language")),
        text=without_markup(str(status.get("content") or "")) if keeps_text else "",
        is_found=is_found,
    )


def _is_public(status: dict[str, Any]) -> bool:
    return status.get("visibility") in _PUBLIC and status.get("reblog") is None


def _is_before(status: dict[str, Any], moment: datetime) -> bool:
    with suppress(ValueError, TypeError):
        return datetime.fromisoformat(str(status.get("created_at"))) < moment
    return False


def _is_missing(response: Response) -> bool:
    return response.status_code in (404, 410)


def _number_at(moment: datetime) -> int:
    """The number that a message has which came at a moment: milliseconds since 1970, then 16 bits."""
    return int(moment.timestamp() * 1000) << 16


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
