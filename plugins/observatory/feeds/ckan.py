"""CKAN's datastore: pages of a table, sorted by the number of the row."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import polars as pl

from observatory.feeds.base import CHUNK_ROWS, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, gathered
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import CkanSource
from observatory.window import Window

PAGE_ROWS = 10_000
"""Rows asked for; a portal sends 100 unless told and 32,000 at most."""
_ROW_NUMBER = "_id"


@dataclass(frozen=True)
class CkanFeed:
    """Rows of one resource. The datastore cannot be asked for a span of time, so each window reads the table.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        page_rows: rows asked for at a time; the portal may send fewer.
        patience: how long the portal is asked before it counts as down.
        chunk_rows: rows in memory at a time.
    """

    territory_code: str
    feed: FeedSettings
    page_rows: int = PAGE_ROWS
    patience: Patience = PATIENT
    chunk_rows: int = CHUNK_ROWS

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window; see ``Feed.read``."""
        api = JsonClient(f"{self.territory_code}/{self.feed.feed_id} {window}", self.feed, self.patience)
        yield from within(window, gathered(self._pages(api), self.chunk_rows), self.feed)

    def _pages(self, api: JsonClient) -> Iterator[pl.DataFrame]:
        query = {
            "resource_id": cast("CkanSource", self.feed.source).resource,
            "sort": _ROW_NUMBER,
            "limit": self.page_rows,
            "filters": json.dumps({column: list(values) for column, values in self.feed.where.items()}),
        }
        offset = 0
        while True:
            answer = api.get("api/3/action/datastore_search", {**query, "offset": offset})
            result = answer.get("result") if isinstance(answer, dict) else answer
            records = api.objects(result, "records")
            columns = [str(field.get("id")) for field in api.objects(result, "fields")]
            require_columns(api.subject, self.feed, [name for name in columns if name != _ROW_NUMBER], are_all=True)
            if not records:
                return
            yield api.rows(records, are_all=True)
            offset += len(records)
