"""Bluesky: what remains of public messages that a search of the AT protocol finds, and of their threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, part
from observatory.feeds.messages.posts import Post, Scorer, days, rows_of, said
from observatory.secrets import from_outside
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import BlueskySource
from observatory.window import Window

if TYPE_CHECKING:
    from requests import Response

PAGE_ROWS = 100
_SEARCH = "xrpc/app.bsky.feed.searchPosts"
_THREAD = "xrpc/app.bsky.feed.getPostThread"
_LOGIN = "xrpc/com.atproto.server.createSession"
# a thread comes nested in itself, and a parser of JSON goes no deeper than some 500 answers
_DEPTH = 200


@dataclass(frozen=True)
class BlueskyFeed:
    """Messages of a window; see ``observatory.feeds.messages.posts`` for their columns.

    A message is known by the hash of its content (``cid``), since its address has the account in it. Pages go back in
    time by ``until``: a cursor is refused without a login.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        page_rows: messages asked for at a time; the server allows 100.
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
        api = JsonClient(where, self.feed, self.patience, self._login(where))
        for day in days(window):
            yield from rows_of(self._posts(api, day), where, self.feed, day, self.score)

    def _login(self, where: str) -> dict[str, str]:
        source = cast("BlueskySource", self.feed.source)
        if source.name_variable is None or source.password_variable is None:
            return {}
        name, password = (
            from_outside(where, variable) for variable in (source.name_variable, source.password_variable)
        )
        api = JsonClient(where, self.feed, self.patience)
        session = api.post(_LOGIN, {"identifier": name, "password": password})
        if not isinstance(session, dict) or not session.get("accessJwt"):
            raise api.changed("a login without a token", "accessJwt")
        return {"Authorization": f"Bearer {session['accessJwt']}"}

    def _posts(self, api: JsonClient, day: Window) -> Iterator[Post]:
        """The messages that are found, then those of their threads."""
        source = cast("BlueskySource", self.feed.source)
        threads: dict[str, None] = {}
        for query in source.queries:
            for view in self._found(api, query, day):
                yield _post(view, is_found=True)
                root = part(_reply(view), "root") or (view if view.get("replyCount") else {})
                if source.reads_threads and (uri := said(root.get("uri"))):
                    threads[uri] = None
        for uri in threads:
            yield from self._thread(api, uri)

    def _found(self, api: JsonClient, query: str, day: Window) -> Iterator[dict[str, Any]]:
        """Messages of a search, newest first, until a page has none that is new."""
        source = cast("BlueskySource", self.feed.source)
        until, seen = day.end, set[str]()
        while True:
            asked = {"q": query, "sort": "latest", "limit": self.page_rows,
                     "since": _written(day.start), "until": _written(until)}  # fmt: skip
            answer = api.get(_SEARCH, asked | ({"lang": source.language} if source.language else {}))
            views = answer.get("posts") if isinstance(answer, dict) else None
            if not isinstance(views, list) or not all(_is_view(view) for view in views):
                raise api.changed("an answer without a list of posts, each with cid and record", "posts")
            new = [view for view in views if view["cid"] not in seen]
            yield from new
            seen |= {view["cid"] for view in new}
            if not new and len(views) >= self.page_rows:
                raise api.changed(
                    f"{len(views)} messages of one moment for {query!r}", "fewer than a page, so that none is missed"
                )
            if not new:
                return
            # `until` is left out of the answer, so the next page begins with the last moment of this one
            until = min(_sorted_at(view, until) for view in views) + timedelta(milliseconds=1)

    def _thread(self, api: JsonClient, uri: str) -> Iterator[Post]:
        """Messages below the first of a thread; none where it is deleted or hidden."""
        asked = {"uri": uri, "depth": _DEPTH, "parentHeight": 0}
        answer = api.get(_THREAD, asked, is_missing=_is_missing)
        nodes = [part(answer, "thread")]
        is_root = True
        while nodes:
            node = nodes.pop()
            view: Any = node.get("post")
            # what is deleted or blocked has no post, and nothing below it
            if _is_view(view):
                yield _post(view, is_found=False, keeps_text=is_root)
                replies = node.get("replies")
                nodes.extend(each for each in (replies if isinstance(replies, list) else ()) if isinstance(each, dict))
            is_root = False


def _post(view: dict[str, Any], *, is_found: bool, keeps_text: bool = True) -> Post:
    record, reply = view["record"], _reply(view)
    languages = record.get("langs")
    return Post(
        id=view["cid"],
        parent=said(part(reply, "parent").get("cid")),
        root_hint=said(part(reply, "root").get("cid")),
        created_at=said(record.get("createdAt")),
        indexed_at=said(view.get("indexedAt")),
        language=said(languages[0]) if isinstance(languages, list) and languages else None,
        text=str(record.get("text") or "") if keeps_text else "",
        is_found=is_found,
    )


def _reply(view: dict[str, Any]) -> dict[str, Any]:
    return part(view["record"], "reply")


def _is_view(view: Any) -> bool:
    return isinstance(view, dict) and isinstance(view.get("cid"), str) and isinstance(view.get("record"), dict)


def _is_missing(response: Response) -> bool:
    return response.status_code in (400, 404) and "NotFound" in response.text


def _sorted_at(view: dict[str, Any], latest: datetime) -> datetime:
    """The moment by which the server sorts: the earlier of when a message says it was written and was taken in."""
    moments = [latest]
    for written in (view["record"].get("createdAt"), view.get("indexedAt")):
        with suppress(ValueError):
            moment = datetime.fromisoformat(str(written))
            moments.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return min(moments)


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
