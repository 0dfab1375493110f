"""Networks of short messages: the search and thread requests of Mastodon and Bluesky.

A deleted message is neither found nor part of its thread.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from observatory.simulator.servers.answer import Answer, Row

_HOST = "https://portsimule.example"
_REPOSITORY = "at://did:plc:portsimule/app.bsky.feed.post/"
_CID = "bafyrei"
_NODE = "app.bsky.feed.defs#threadViewPost"
_MOST_LATE = timedelta(hours=21)
_LONGEST_THREAD = timedelta(days=3)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Messages:
    """The public messages of a network.

    Attributes:
        between: from a first moment and an end to the messages now shown of that interval, with the columns of the kind
            ``social_signal``.
        now: returns the current moment (UTC).
        beginning: no message is older.
    """

    between: Callable[[datetime, datetime], pl.DataFrame]
    now: Callable[[], datetime]
    beginning: datetime


def mastodon(messages: Messages, max_page: int = 40) -> Answer:
    """Timelines of tags and the search, newest first, at most ``max_page`` statuses a page; contexts of statuses."""
    shown = _Shown(messages)

    def answer(path: str, query: QueryParams, headers: Mapping[str, str]) -> Any:
        parts = path.strip("/").split("/")
        if parts[:3] == ["api", "v1", "statuses"] and parts[-1] == "context":
            return context(parts[3])
        limit, last = min(int(query.get("limit", 20)), max_page), _moment(query.get("max_id"), messages.now())
        newest = pl.col("number") < int(query.get("max_id", 1 << 62))
        if parts[:4] == ["api", "v1", "timelines", "tag"]:
            tag = rf"(?i)#{re.escape(parts[4])}\b"
            return statuses(shown.newest_first(last, newest & pl.col("text").str.contains(tag), limit))
        if parts == ["api", "v2", "search"]:
            if not headers.get("authorization"):
                return JSONResponse({"error": "This method requires an authenticated user"}, status_code=401)
            matches = newest & (pl.col("number") > int(query.get("min_id", 0))) & _has_words(query["q"])
            offset = int(query.get("offset", 0))
            found = shown.newest_first(last, matches, offset + limit, since=_moment(query.get("min_id"), None))
            return {"accounts": [], "statuses": statuses(found[offset:]), "hashtags": []}
        return JSONResponse({"error": "Record not found"}, status_code=404)

    def context(number: str) -> Any:
        thread = shown.thread(number, _moment(number, messages.now()))
        of = {row["source_record_id"]: row for row in thread}
        if number not in of:
            return JSONResponse({"error": "Record not found"}, status_code=404)
        above: list[Row] = []
        while (parent := of.get((above[0] if above else of[number])["parent_id"])) is not None:
            above.insert(0, parent)
        below, open_ids = [], {number}
        for row in thread:
            if row["parent_id"] in open_ids:
                below.append(row)
                open_ids.add(row["source_record_id"])
        return {"ancestors": statuses(above), "descendants": statuses(below)}

    def statuses(rows: list[Row]) -> list[Row]:
        answers = shown.answers(rows)
        return [_status(row, answers.get(row["source_record_id"], 0)) for row in rows]

    return answer


def bluesky(messages: Messages, max_page: int = 100) -> Answer:
    """The search of posts, newest first, at most ``max_page`` a page, no cursor without a login; threads of posts."""
    shown = _Shown(messages)

    def answer(path: str, query: QueryParams, headers: Mapping[str, str]) -> Any:
        if path.endswith("app.bsky.feed.searchPosts"):
            if query.get("cursor") and not headers.get("authorization"):
                return JSONResponse({"error": "Forbidden", "message": "Login required"}, status_code=403)
            since, until = (datetime.fromisoformat(query[name]) for name in ("since", "until"))
            wanted = (pl.col("occurred_from") >= since) & (pl.col("occurred_from") < until) & _has_words(query["q"])
            if language := query.get("lang"):
                wanted &= pl.col("language") == language
            limit = min(int(query.get("limit", 25)), max_page)
            rows = shown.newest_first(until, wanted, limit, since=since, order="occurred_from")
            answers = shown.answers(rows)
            return {"posts": [_view(row, answers.get(row["source_record_id"], 0)) for row in rows]}
        if path.endswith("app.bsky.feed.getPostThread"):
            return thread(_CID + query["uri"].rpartition("/")[2])
        return JSONResponse({"error": "MethodNotImplemented"}, status_code=501)

    def thread(cid: str) -> Any:
        at = datetime.fromtimestamp(int(cid[len(_CID) : len(_CID) + 16], 16), UTC)
        of = {row["source_record_id"]: row for row in shown.thread(cid, at)}
        if cid not in of:
            return JSONResponse({"error": "NotFound", "message": f"Post not found: {cid}"}, status_code=400)
        answers = shown.answers([*of.values()])
        nodes: dict[str, Row] = {
            name: {
                "$type": _NODE,
                "post": _view(row, answers.get(name, 0)),
                "replies": [],
            }
            for name, row in of.items()
        }
        for name, row in of.items():
            if row["parent_id"] in nodes:
                nodes[row["parent_id"]]["replies"].append(nodes[name])
        return {"thread": nodes[cid]}

    return answer


class _Shown:
    """Queries for what a network shows now."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages

    def newest_first(
        self, last: datetime, wanted: pl.Expr, limit: int, since: datetime | None = None, order: str = "number"
    ) -> list[Row]:
        """The newest wanted messages up to a moment, at most ``limit``; the interval grows backwards until enough."""
        first = since or self._messages.beginning
        span = timedelta(days=2)
        while True:
            start = max(last - span, first - _MOST_LATE)
            is_everything = start <= first - _MOST_LATE
            # messages written before the interval may have appeared within it: its first hours may lack some
            is_certain = pl.lit(is_everything) | (pl.col("reported_at") >= start + _MOST_LATE)
            found = self._between(start, last + _SECOND).filter(wanted & is_certain)
            if is_everything or found.height >= limit:
                return found.sort(order, "source_record_id", descending=True).head(limit).to_dicts()
            span *= 2

    def thread(self, number: str, at: datetime) -> list[Row]:
        """The messages of the thread of the one that appeared at a moment, oldest first."""
        near = self._between(at - _MOST_LATE, at + 2 * _SECOND).filter(pl.col("source_record_id") == number)
        if near.is_empty():
            return []
        root = pl.coalesce(near["root_id"], near["source_record_id"]).first()
        own = pl.coalesce("root_id", "source_record_id") == root
        around = near["occurred_from"][0]
        return self._between(around - _LONGEST_THREAD, around + _LONGEST_THREAD).filter(own).to_dicts()

    def answers(self, rows: list[Row]) -> dict[str, int]:
        """Number of answers to each of some messages; those without any are left out."""
        if not rows:
            return {}
        times = [row["occurred_from"] for row in rows]
        around = self._between(min(times), max(times) + timedelta(days=1))
        ids = [row["source_record_id"] for row in rows]
        counted = around.filter(pl.col("parent_id").is_in(ids)).group_by("parent_id").len()
        return dict(counted.iter_rows())

    def _between(self, start: datetime, end: datetime) -> pl.DataFrame:
        rows = self._messages.between(start, end)
        return rows.with_columns(number=pl.col("source_record_id").cast(pl.Int64, strict=False))


def _has_words(query: str) -> pl.Expr:
    text = pl.col("text").str.to_lowercase()
    return pl.all_horizontal(text.str.contains(word, literal=True) for word in query.lower().split())


def _moment(number: str | None, otherwise: Any) -> Any:
    """When a status was written, which is part of the number that Mastodon gives it."""
    if number is None:
        return otherwise
    return min(datetime.fromtimestamp((int(number) >> 16) / 1000, UTC), datetime(2100, 1, 1, tzinfo=UTC))


def _status(row: Row, answers: int) -> Row:
    handle, number = row["author_handle"], row["source_record_id"]
    text = html.escape(row["text"])
    text = re.sub(r"(?<!\S)@(\w+)", rf'<span class="h-card"><a href="{_HOST}/@\1">@<span>\1</span></a></span>', text)
    text = re.sub(r"#(\w+)", rf'<a href="{_HOST}/tags/\1" rel="tag">#<span>\1</span></a>', text)
    return {
        "id": number,
        "created_at": f"{row['occurred_from']:%Y-%m-%dT%H:%M:%S}.000Z",
        "in_reply_to_id": row["parent_id"],
        "in_reply_to_account_id": None if row["parent_id"] is None else "1",
        "visibility": "public",
        "language": row["language"],
        "uri": f"{_HOST}/users/{handle}/statuses/{number}",
        "account": {"username": handle, "acct": handle, "display_name": handle.partition("_")[0].title()},
        "content": f"<p>{text}</p>",
        "reblog": None,
        "replies_count": answers,
        "is_simulated": True,
    }


def _view(row: Row, answers: int) -> Row:
    record = {"$type": "app.bsky.feed.post", "text": row["text"], "createdAt": _written(row["occurred_from"])}
    if row["language"]:
        record["langs"] = [row["language"]]
    if row["parent_id"]:
        record["reply"] = {"root": _reference(row["root_id"]), "parent": _reference(row["parent_id"])}
    return {
        **_reference(row["source_record_id"]),
        "author": {"did": "did:plc:portsimule", "handle": f"{row['author_handle']}.portsimule.example"},
        "record": record,
        "replyCount": answers,
        "indexedAt": _written(row["reported_at"]),
        "is_simulated": True,
    }


def _reference(cid: str) -> Row:
    return {"uri": _REPOSITORY + cid.removeprefix(_CID), "cid": cid}


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
