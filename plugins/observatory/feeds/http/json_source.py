"""Servers that answer in JSON: asking one for a window of a feed, and its objects as rows of text."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import polars as pl
from dlt.sources.helpers.rest_client import RESTClient
from requests import exceptions

from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, require_columns
from observatory.feeds.http.client import Patience, client, explained
from observatory.territory.feed import FeedSettings

_ABSENT = object()
_PLAIN = (int, float)


@dataclass(frozen=True)
class JsonApi:
    """A server, asked for one window of one feed.

    Attributes:
        where: feed and window, for messages.
        feed: what the territory file says of it.
        server: the client that repeats what may pass.
    """

    where: str
    feed: FeedSettings
    server: RESTClient

    @classmethod
    def of(cls, where: str, feed: FeedSettings, patience: Patience) -> JsonApi:
        """The server at the feed's address."""
        return cls(where, feed, client(feed.source, patience))

    def get(self, path: str, query: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Any:
        """The answer to one request.

        Raises:
            SourceUnavailable: the server is down, or its answer stops midway, every time.
            SourceChanged: it refuses, or does not answer in JSON.
        """
        with explained(self.where, self.feed.territory_file):
            response = self.server.get(path, params=dict(query or {}), headers=dict(headers or {}))
            response.raise_for_status()
            return response.json()

    def objects(self, answer: Any, name: str | None = None) -> list[dict[str, Any]]:
        """The objects an answer lists: itself a list, or the one it has under ``name``.

        Raises:
            SourceChanged: it lists none.
        """
        listed = answer if name is None else answer.get(name) if isinstance(answer, dict) else None
        if isinstance(listed, list) and all(isinstance(item, dict) for item in listed):
            return listed
        raise SourceChanged(
            self.where,
            found=f"not a list of rows: {json.dumps(answer, ensure_ascii=False)[:120]}",
            expected=f"a JSON list{f' under {name!r}' if name else ''} as {self.feed.source.protocol} sends it",
            action=f"If the data moved, correct feeds.{self.feed.feed_id}.source in {self.feed.territory_file}.",
        )

    def rows(self, objects: list[dict[str, Any]], *, are_all: bool) -> pl.DataFrame:
        """Objects as rows, only the columns that the territory file names; see ``tabulate``.

        Args:
            objects: what the server sent.
            are_all: whether the server writes empty values too, so that a name not there is a column that is gone.

        Raises:
            SourceChanged: a column is missing.
        """
        frame, delivered = tabulate(objects, self.feed.read_columns)
        require_columns(self.where, self.feed, delivered, are_all=are_all)
        return frame


def parsed(content: bytes) -> Any:
    """What JSON says; where it says nothing, an error that ``explained`` knows."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise exceptions.JSONDecodeError(str(error), content.decode(errors="replace"), 0) from None


def tabulate(objects: list[dict[str, Any]], columns: Collection[str]) -> tuple[pl.DataFrame, set[str]]:
    """Objects as rows of text, and the names they have.

    Args:
        objects: what a server sent.
        columns: those wanted; ``a.b`` is ``b`` within ``a``, unless an object has ``a.b`` itself.

    Returns:
        The columns as text, shape (n, columns): nested values as JSON, null where an object has none; and the names
        of all that the objects have, those within one another as far as they are wanted.
    """
    found = {
        name: [_at(item, name) for item in objects] if "." in name else [item.get(name, _ABSENT) for item in objects]
        for name in columns
    }
    heads = {name.partition(".")[0] for name in columns if "." in name}
    delivered = set(chain.from_iterable(objects)) - heads
    delivered |= {name for name, values in found.items() if any(value is not _ABSENT for value in values)}
    series = [pl.Series(name, [*map(text, values)], dtype=pl.String) for name, values in found.items()]
    return pl.DataFrame(series), delivered


def text(value: Any) -> str | None:
    """A JSON value as it is written, text without its quotes."""
    kind = type(value)
    if kind is str:
        return value
    if value is None or value is _ABSENT:
        return None
    return str(value) if kind in _PLAIN else json.dumps(value, ensure_ascii=False)


def gathered(pages: Iterator[pl.DataFrame], chunk_rows: int = CHUNK_ROWS) -> Iterator[pl.DataFrame]:
    """Small pages put together to chunks, since each chunk is checked and loaded at a cost of its own."""
    kept: list[pl.DataFrame] = []
    height = 0
    for page in pages:
        if kept and height + page.height > chunk_rows:
            yield pl.concat(kept)
            kept, height = [], 0
        kept.append(page)
        height += page.height
    if height:
        yield pl.concat(kept)


def _at(item: Any, name: str) -> Any:
    if not isinstance(item, dict):
        return None if item is None else _ABSENT
    if name in item or "." not in name:
        return item.get(name, _ABSENT)
    head, _, rest = name.partition(".")
    return _at(item.get(head, _ABSENT), rest)
