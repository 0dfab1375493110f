"""Mastodon: public messages that one server knows, and their threads, without texts and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from observatory.feeds.messages.posts import MessageReader, Post, text_or_none, without_markup
from observatory.territory.sources import MastodonSource
from observatory.window import Window

if TYPE_CHECKING:
    from requests import Response

PAGE_ROWS = 40
_PUBLIC = ("public", "unlisted")
# an identifier contains the time at which the server received a message, which may be later than its creation
_LATE = timedelta(days=1)


@dataclass(frozen=True)
class MastodonReader(MessageReader[MastodonSource]):
    """Messages of a window; see ``observatory.feeds.messages.posts`` for their columns.

    A message is identified by its number on this server, because its URL contains the account. Messages that are
    visible to followers only are skipped, even if the token may read them.

    Attributes:
        page_rows: messages requested at a time; servers allow 40.
    """

    page_rows: int = PAGE_ROWS

    def _posts(self, day: Window) -> Iterator[Post]:
        threads: dict[str, None] = {}
        for status in self._found(day):
            yield _post(status, is_found=True)
            if self.source.reads_threads and (status.get("in_reply_to_id") or status.get("replies_count")):
                threads[str(status["id"])] = None
        read = set[str]()
        for number in threads:
            if number not in read:
                for post in self._thread(number):
                    read.add(post.id)
                    yield post

    def _found(self, day: Window) -> Iterator[dict[str, Any]]:
        bounds = {"limit": self.page_rows, "min_id": None, "max_id": str(_number_at(day.end + _LATE))}
        for tag in self.source.hashtags:
            params, before = bounds, list[str]()
            while True:
                page = self._statuses(self.api.get(f"api/v1/timelines/tag/{tag}", _given(params)))
                yield from (status for status in page if _is_public(status))
                if not page or all(_is_before(status, day.start) for status in page):
                    break
                before = self._new_page(before, page)
                params = bounds | {"max_id": before[-1]}
        for query in self.source.queries:
            offset, before = 0, list[str]()
            params = bounds | {"min_id": str(_number_at(day.start)), "q": query, "type": "statuses"}
            while True:
                response = self.api.get("api/v2/search", _given(params | {"offset": offset}))
                page = self._statuses(response.get("statuses") if isinstance(response, dict) else None)
                yield from (status for status in page if _is_public(status))
                if not page:
                    break
                before = self._new_page(before, page)
                offset += len(page)

    def _statuses(self, listed: Any) -> list[dict[str, Any]]:
        if not isinstance(listed, list) or not all(isinstance(each, dict) and each.get("id") for each in listed):
            raise self.api.changed("a response that is no list of statuses with their ids", "statuses")
        return listed

    def _new_page(self, before: list[str], page: list[dict[str, Any]]) -> list[str]:
        """The numbers of a page's messages; refused if they are those of the page before."""
        numbers = [str(status["id"]) for status in page]
        if numbers == before:
            raise self.api.changed("the same page twice", "the page after it")
        return numbers

    def _thread(self, number: str) -> Iterator[Post]:
        """Messages above and below a message, and below the thread's first; none if it has been deleted."""
        above, below = self._context(number)
        yield from (_post(status, is_found=False) for status in above[:1])
        yield from (_post(status, is_found=False, keeps_text=False) for status in above[1:] + below)
        if above:
            _, below = self._context(str(above[0]["id"]))
            yield from (_post(status, is_found=False, keeps_text=False) for status in below)

    def _context(self, number: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        context = self.api.get(f"api/v1/statuses/{number}/context", is_missing=_is_missing)
        if context is None:
            return [], []
        if not isinstance(context, dict):
            raise self.api.changed("a context that is no object", "ancestors and descendants")
        above, below = (self._statuses(context.get(name)) for name in ("ancestors", "descendants"))
        return above, below


def _post(status: dict[str, Any], *, is_found: bool, keeps_text: bool = True) -> Post:
    parent = status.get("in_reply_to_id")
    return Post(
        id=str(status["id"]),
        parent=None if parent is None else str(parent),
        root_hint=None,
        created_at=text_or_none(status.get("created_at")),
        indexed_at=None,
        language=text_or_none(status.get("language")),
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
    """The number of a message received at a moment: milliseconds since 1970, followed by 16 bits."""
    return int(moment.timestamp() * 1000) << 16


def _given(query: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
