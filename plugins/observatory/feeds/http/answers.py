"""Asking a source for an answer, and taking the named columns out of nested ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import fsspec
import polars as pl

from observatory import settings
from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.http.client import PATIENT, Patience, client, explained, is_html, midway
from observatory.feeds.http.completeness import WEB_PAGE, Wholeness

if TYPE_CHECKING:
    from dlt.sources.helpers.rest_client.client import RESTClient
    from requests import Response

    from observatory.territory.feed import FeedSettings


@dataclass(frozen=True)
class Asking:
    """How one feed's server is asked during one read.

    Attributes:
        where: feed and window, for messages.
        feed: what the territory file says of the feed.
        patience: how long the server is asked before it counts as down.
        headers: sent with every request.
    """

    where: str
    feed: FeedSettings
    patience: Patience = PATIENT
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        is_missing: Callable[[Response], bool] = lambda _: False,
    ) -> Any:
        """Ask for JSON.

        Args:
            path: below the source's address, or a whole address.
            params: the query.
            is_missing: whether an answer says that there is no such thing; then None is returned, where by default all
                that is not a good answer is an error.

        Raises:
            SourceUnavailable: the server does not answer, or its answer stops midway, every time it is asked.
            SourceChanged: it refuses, or answers with something else than JSON.
        """
        with explained(self.where, self.feed.territory_file):
            response = self._client.get(path, params=dict(params or {}), headers=dict(self.headers))
            if is_missing(response):
                return None
            response.raise_for_status()
            return response.json()

    def post(self, path: str, content: Mapping[str, Any]) -> Any:
        """Send JSON and get JSON; raises as ``get`` does."""
        with explained(self.where, self.feed.territory_file):
            response = self._client.post(path, json=dict(content), headers=dict(self.headers))
            response.raise_for_status()
            return response.json()

    def answer(self, path: str, params: Mapping[str, Any] | None = None) -> Response:
        """Ask for JSON, and get the whole answer with its headers; raises as ``get`` does."""
        with explained(self.where, self.feed.territory_file):
            response = self._client.get(path, params=dict(params or {}), headers=dict(self.headers))
            response.raise_for_status()
            response.json()  # half an answer shows here
            return response

    def fetch(self, path: str, expected: str, *, is_whole: Callable[[bytes], bool] = bool) -> bytes:
        """Get a file from the source's address, which may be a folder or a file server.

        Args:
            path: below the address.
            expected: what the file is, for messages.
            is_whole: whether what came from a web address is there to its end, where its format alone does not tell.

        Raises:
            SourceUnavailable: there is no answer, or half of one every time, or no such file in the folder.
            SourceChanged: the server refuses, or sends a web page.
        """
        address = self.feed.source.address
        if not address.startswith(("http://", "https://")):
            return self._from_folder(address, path, expected)
        content = b""
        for attempt in range(self.patience.attempts):
            if attempt:
                time.sleep(min(self.patience.backoff_s * 2 ** (attempt - 1), self.patience.longest_wait_s))
            content = self._got(path, expected)
            if not Wholeness()(content):
                break  # and was asked for as often as patience allows
            if is_whole(content):
                return content
        advice = is_whole.advice if isinstance(is_whole, Wholeness) else ""
        raise midway(f"{self.where}, {path}", f"{len(content)} bytes", advice)

    def _got(self, path: str, expected: str) -> bytes:
        with explained(self.where, self.feed.territory_file):
            response = self._client.get(path, headers=dict(self.headers))
            response.raise_for_status()
        if is_html(response.content) and WEB_PAGE.search(response.content[:2000]):
            raise self.changed(f"a web page came: {' '.join(response.text.split())[:120]}", expected)
        return response.content

    def changed(self, came: str, expected: str) -> SourceChanged:
        """The error of an answer that is not what the territory file promises."""
        return SourceChanged(
            self.where,
            found=came,
            expected=expected,
            action=f"If the source moved or changed, correct feeds.{self.feed.feed_id} in {self.feed.territory_file}; "
            f"else ask {self.feed.owner}.",
        )

    def stops_midway(self, came: str, expected: str) -> SourceUnavailable:
        """The error of an answer that was cut off."""
        return SourceUnavailable(
            self.where, found=came, expected=expected, action=f"Try again later; if it goes on, ask {self.feed.owner}."
        )

    @cached_property
    def _client(self) -> RESTClient:
        return client(self.feed.source, self.patience)

    def _from_folder(self, address: str, path: str, expected: str) -> bytes:
        try:
            files, root = fsspec.core.url_to_fs(address if "://" in address else str(settings.ROOT / address))
            return cast("bytes", files.cat_file(f"{root}/{path}"))
        except (OSError, ImportError, ValueError) as error:
            raise SourceUnavailable(
                self.where,
                found=f"nothing can be read at {address} ({error})",
                expected=f"{path}, {expected}",
                action=f"Put it there, or correct `address` and `path` in {self.feed.territory_file}.",
            ) from None


def token_header(where: str, feed: FeedSettings, variable: str | None) -> dict[str, str]:
    """The header that shows the token an environment variable holds; none where the source wants none.

    Raises:
        SourceChanged: the variable is empty, and no later try would find it filled.
    """
    if variable is None:
        return {}
    return {"Authorization": f"Bearer {from_environment(where, feed, variable)}"}


def from_environment(where: str, feed: FeedSettings, variable: str) -> str:
    """What an environment variable holds that the territory file names.

    Raises:
        SourceChanged: the variable is empty, and no later try would find it filled.
    """
    value = os.environ.get(variable)
    if not value:
        raise SourceChanged(
            where,
            found=f"the environment variable {variable} is empty",
            expected=f"what {feed.owner} gave the city to ask with",
            action=f"Set {variable} where the observatory runs, or take it out of feeds.{feed.feed_id}.source in "
            f"{feed.territory_file}.",
        )
    return value


def texts(documents: Sequence[Mapping[str, Any]], columns: Iterable[str]) -> pl.DataFrame:
    """The named columns of nested documents, as text.

    Args:
        documents: parsed JSON objects, n of them.
        columns: names; ``a.b`` is ``b`` in the object ``a``, unless the document has a field of the whole name.

    Returns:
        Text, shape (n, columns); what is nested stays JSON, what is absent is null.
    """
    return pl.DataFrame(
        {
            name: pl.Series([_text(_within(document, name)) for document in documents], dtype=pl.String)
            for name in columns
        }
    )


def part(document: Any, name: str) -> dict[str, Any]:
    """An object within a document; an empty one where there is none."""
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, dict) else {}


def filled(rows: pl.DataFrame) -> set[str]:
    """Columns that have a value in some row."""
    return {name for name in rows.columns if rows[name].null_count() < rows.height}


def _within(document: Any, name: str) -> Any:
    while isinstance(document, dict):
        if name in document:
            return document[name]
        head, _, name = name.partition(".")
        document = document.get(head)
    return None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
