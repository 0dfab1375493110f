"""Bluesky: public messages that a search of the AT protocol finds, and their threads, without texts and accounts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from observatory.feeds.json_source import JsonClient, part
from observatory.feeds.messages.posts import MessageReader, Post, text_or_none
from observatory.secrets import from_outside
from observatory.territory.sources import BlueskySource
from observatory.window import Window

if TYPE_CHECKING:
    from requests import Response

PAGE_ROWS = 100
_SEARCH = "xrpc/app.bsky.feed.searchPosts"
_THREAD = "xrpc/app.bsky.feed.getPostThread"
_LOGIN = "xrpc/com.atproto.server.createSession"
# replies are nested in each other, and the JSON parser fails at a depth of about 500 replies
_DEPTH = 200


@dataclass(frozen=True)
class BlueskyReader(MessageReader[BlueskySource]):
    """Messages of a window; see ``observatory.feeds.messages.posts`` for their columns.

    A message is identified by the hash of its content (``cid``), because its URI contains the account. Pages go back in
    time by ``until``, because the server refuses a cursor without a login.

    Attributes:
        page_rows: messages requested at a time; the server allows 100.
    """

    page_rows: int = PAGE_ROWS

    def _headers(self) -> dict[str, str]:
        source = self.source
        if source.name_variable is None or source.password_variable is None:
            return {}
        name, password = (
            from_outside(self.subject, variable) for variable in (source.name_variable, source.password_variable)
        )
        api = JsonClient(self.feed_window, self.patience)
        session = api.post(_LOGIN, {"identifier": name, "password": password})
        if not isinstance(session, dict) or not session.get("accessJwt"):
            raise api.changed("a login without a token", "accessJwt")
        return {"Authorization": f"Bearer {session['accessJwt']}"}

    def _posts(self, day: Window) -> Iterator[Post]:
        threads: dict[str, None] = {}
        for query in self.source.queries:
            for view in self._found(query, day):
                yield _post(view, is_found=True)
                root = part(_reply(view), "root") or (view if view.get("replyCount") else {})
                if self.source.reads_threads and (uri := text_or_none(root.get("uri"))):
                    threads[uri] = None
        for uri in threads:
            yield from self._thread(uri)

    def _found(self, query: str, day: Window) -> Iterator[dict[str, Any]]:
        """Messages of a search, newest first, until a page has no new one."""
        until, seen = day.end, set[str]()
        while True:
            params = {"q": query, "sort": "latest", "limit": self.page_rows,
                      "since": _written(day.start), "until": _written(until)}  # fmt: skip
            language = self.source.language
            response = self.api.get(_SEARCH, params | ({"lang": language} if language else {}))
            views = response.get("posts") if isinstance(response, dict) else None
            if not isinstance(views, list) or not all(_is_view(view) for view in views):
                raise self.api.changed("a response without a list of posts, each with cid and record", "posts")
            new = [view for view in views if view["cid"] not in seen]
            yield from new
            seen |= {view["cid"] for view in new}
            if not new and len(views) >= self.page_rows:
                raise self.api.changed(
                    f"{len(views)} messages of one moment for {query!r}", "fewer than a page, so that none is missed"
                )
            if not new:
                return
            # the server excludes `until`, so the next page must begin with the last moment of this one
            until = min(_sorted_at(view, until) for view in views) + timedelta(milliseconds=1)

    def _thread(self, uri: str) -> Iterator[Post]:
        """The first message of a thread and those below it; none if it is deleted or hidden."""
        response = self.api.get(_THREAD, {"uri": uri, "depth": _DEPTH, "parentHeight": 0}, is_missing=_is_missing)
        nodes = [part(response, "thread")]
        is_root = True
        while nodes:
            node = nodes.pop()
            view: Any = node.get("post")
            # a deleted or blocked message has no post and no replies
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
        parent=text_or_none(part(reply, "parent").get("cid")),
        root_hint=text_or_none(part(reply, "root").get("cid")),
        created_at=text_or_none(record.get("createdAt")),
        indexed_at=text_or_none(view.get("indexedAt")),
        language=text_or_none(languages[0]) if isinstance(languages, list) and languages else None,
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
    """The time by which the server sorts: the earlier of creation, as the author's app states it, and indexing."""
    moments = [latest]
    for written in (view["record"].get("createdAt"), view.get("indexedAt")):
        with suppress(ValueError):
            moment = datetime.fromisoformat(str(written))
            moments.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return min(moments)


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
