"""The client of services that answer in JSON, and JSON objects as rows of text."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import fsspec
import polars as pl
from requests import exceptions

from observatory import settings
from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.base import Reader, SourceT, require_columns
from observatory.feeds.http.client import PATIENT, Patience, client, explained, is_html, truncated
from observatory.feeds.http.completeness import WEB_PAGE, Completeness
from observatory.secrets import from_outside
from observatory.territory.sources.token import TokenSource

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.client import RESTClient
    from requests import Response

    from observatory.records.feed_window import FeedWindow
    from observatory.territory.feed import FeedSettings

_ABSENT = object()
_PLAIN = (int, float)


@dataclass(frozen=True)
class JsonClient:
    """The client of one feed's server during one read.

    Attributes:
        feed_window: the feed and the window to read.
        patience: how often and how long a request is repeated.
        headers: sent with every request.
    """

    feed_window: FeedWindow
    patience: Patience = PATIENT
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """City, feed and window, for errors."""
        return str(self.feed_window)

    @property
    def feed(self) -> FeedSettings:
        """The feed's settings in the territory file."""
        return self.feed_window.feed

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        is_missing: Callable[[Response], bool] = lambda _: False,
    ) -> Any:
        """Request JSON.

        Args:
            path: relative to the source's address, or an absolute URL.
            params: query parameters.
            is_missing: whether a response means that the object does not exist; None is then returned. By default every
                unsuccessful response is an error.

        Raises:
            SourceUnavailable: every attempt failed, or every response was truncated.
            SourceChanged: the server refuses the request, or the response is not JSON.
        """
        with explained(self.feed_window):
            response = self._server.get(path, params=dict(params or {}), headers=dict(self.headers))
            if is_missing(response):
                return None
            response.raise_for_status()
            return response.json()

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        """Send JSON and return the JSON of the response; raises the errors of ``get``."""
        with explained(self.feed_window):
            response = self._server.post(path, json=dict(content), headers=dict(self.headers))
            response.raise_for_status()
            return response.json()

    def response(self, path: str, params: Mapping[str, Any] | None = None) -> Response:
        """Request JSON and return the response with its headers; raises the errors of ``get``."""
        with explained(self.feed_window):
            response = self._server.get(path, params=dict(params or {}), headers=dict(self.headers))
            response.raise_for_status()
            response.json()  # fails if the response is truncated
            return response

    def fetch(self, path: str, expected: str, *, is_complete: Callable[[bytes], bool] = bool) -> bytes:
        """Fetch a file from the source's address: a web server, a folder or a file server.

        Args:
            path: relative to the address.
            expected: what the file is, for errors.
            is_complete: whether the content of a web response is complete, where its format alone does not tell.

        Raises:
            SourceUnavailable: every attempt failed or returned a truncated file, or the folder has no such file.
            SourceChanged: the server refuses the request, or sends a web page.
        """
        address = self.feed.source.address
        if not address.startswith(("http://", "https://")):
            return self._from_folder(address, path, expected)
        content = b""
        for attempt in range(self.patience.attempts):
            if attempt:
                time.sleep(min(self.patience.backoff_s * 2 ** (attempt - 1), self.patience.longest_wait_s))
            content = self._download(path, expected)
            if not Completeness()(content):
                break  # the HTTP client has already repeated this request as often as `patience` allows
            if is_complete(content):
                return content
        advice = is_complete.advice if isinstance(is_complete, Completeness) else ""
        raise truncated(f"{self.subject}, {path}", f"{len(content)} bytes", advice)

    def objects(self, answer: Any, name: str | None = None) -> list[dict[str, Any]]:
        """The list of objects in a response: the response itself, or its member ``name``.

        Raises:
            SourceChanged: there is no list of objects.
        """
        listed = answer if name is None else answer.get(name) if isinstance(answer, dict) else None
        if isinstance(listed, list) and all(isinstance(item, dict) for item in listed):
            return listed
        raise SourceChanged(
            self.subject,
            found=f"not a list of rows: {json.dumps(answer, ensure_ascii=False)[:120]}",
            expected=f"a JSON list{f' under {name!r}' if name else ''} as {self.feed.source.protocol} sends it",
            action=f"If the data moved, correct feeds.{self.feed.feed_id}.source in {self.feed.territory_file}.",
        )

    def rows(self, objects: list[dict[str, Any]], *, are_all: bool) -> pl.DataFrame:
        """Objects as rows with the columns that the territory file names; see ``tabulate``.

        Args:
            objects: as the server sent them.
            are_all: whether the server also writes empty values, so that an absent name means a removed column.

        Raises:
            SourceChanged: a column is missing.
        """
        frame, delivered = tabulate(objects, self.feed.read_columns)
        require_columns(self.subject, self.feed_window.plan, delivered, are_all=are_all)
        return frame

    def changed(self, found: str, expected: str) -> SourceChanged:
        """The error for a response that does not match the territory file."""
        return SourceChanged(
            self.subject,
            found=found,
            expected=expected,
            action=f"If the source moved or changed, correct feeds.{self.feed.feed_id} in {self.feed.territory_file}; "
            f"else ask {self.feed.owner}.",
        )

    def truncated(self, found: str, expected: str) -> SourceUnavailable:
        """The error for a truncated response."""
        return SourceUnavailable(
            self.subject,
            found=found,
            expected=expected,
            action=f"Try again later; if it goes on, ask {self.feed.owner}.",
        )

    @cached_property
    def _server(self) -> RESTClient:
        return client(self.feed.source, self.patience)

    def _download(self, path: str, expected: str) -> bytes:
        with explained(self.feed_window):
            response = self._server.get(path, headers=dict(self.headers))
            response.raise_for_status()
        if is_html(response.content) and WEB_PAGE.search(response.content[:2000]):
            raise self.changed(f"a web page: {' '.join(response.text.split())[:120]}", expected)
        return response.content

    def _from_folder(self, address: str, path: str, expected: str) -> bytes:
        try:
            files, root = fsspec.core.url_to_fs(address if "://" in address else str(settings.ROOT / address))
            return cast("bytes", files.cat_file(f"{root}/{path}"))
        except (OSError, ImportError, ValueError) as error:
            raise SourceUnavailable(
                self.subject,
                found=f"nothing can be read at {address} ({error})",
                expected=f"{path}, {expected}",
                action=f"Put it there, or correct `address` and `path` in {self.feed.territory_file}.",
            ) from None


class JsonReader(Reader[SourceT]):
    """A reader whose source is asked with a ``JsonClient``."""

    @cached_property
    def api(self) -> JsonClient:
        """The client of the source's server."""
        return JsonClient(self.feed_window, self.patience, self._headers())

    def _headers(self) -> dict[str, str]:
        """Headers of every request: the ``Authorization`` with the source's token, if it has one."""
        variable = self.source.token_variable if isinstance(self.source, TokenSource) else None
        return {"Authorization": f"Bearer {from_outside(self.subject, variable)}"} if variable else {}


def parsed(content: bytes) -> Any:
    """Parse JSON; invalid JSON raises the error that ``explained`` translates."""
    try:
        return json.loads(content)
    except ValueError as error:
        raise exceptions.JSONDecodeError(str(error), content.decode(errors="replace"), 0) from None


def tabulate(objects: Sequence[Mapping[str, Any]], columns: Collection[str]) -> tuple[pl.DataFrame, set[str]]:
    """Objects as rows of text, and the names of their members.

    Args:
        objects: as a server sent them, n of them.
        columns: names to read; ``a.b`` is ``b`` within ``a``, unless an object has a member called ``a.b``.

    Returns:
        The columns as text, shape (n, columns): nested values as JSON, null where an object has none. And the names of
        all members of the objects; of nested members only those in ``columns``.
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
    """A JSON value as text: strings without quotes, everything else as JSON writes it."""
    kind = type(value)
    if kind is str:
        return value
    if value is None or value is _ABSENT:
        return None
    return str(value) if kind in _PLAIN else json.dumps(value, ensure_ascii=False)


def part(document: Any, name: str) -> dict[str, Any]:
    """The object called ``name`` within a document; an empty one if there is none."""
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def filled(rows: pl.DataFrame) -> set[str]:
    """Columns that have a value in at least one row."""
    return {name for name in rows.columns if rows[name].null_count() < rows.height}


def _at(item: Any, name: str) -> Any:
    if not isinstance(item, dict):
        return None if item is None else _ABSENT
    if name in item or "." not in name:
        return item.get(name, _ABSENT)
    head, _, rest = name.partition(".")
    return _at(item.get(head, _ABSENT), rest)
