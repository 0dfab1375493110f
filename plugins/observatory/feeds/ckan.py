"""CKAN's datastore: pages of a table, sorted by row number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader
from observatory.territory.sources import CkanSource

PAGE_ROWS = 10_000
"""Rows requested at a time; a portal sends 100 by default and 32,000 at most."""
_ROW_NUMBER = "_id"


@dataclass(frozen=True)
class CkanReader(JsonReader[CkanSource]):
    """Rows of one resource. The datastore cannot filter by time, so each window reads the whole table.

    Attributes:
        page_rows: rows requested at a time; the portal may send fewer.
    """

    page_rows: int = PAGE_ROWS

    def _frames(self) -> Iterator[pl.DataFrame]:
        query = {
            "resource_id": self.source.resource,
            "sort": _ROW_NUMBER,
            "limit": self.page_rows,
            "filters": json.dumps({column: list(values) for column, values in self.feed.where.items()}),
        }
        offset = 0
        while True:
            response = self.api.get("api/3/action/datastore_search", {**query, "offset": offset})
            result = response.get("result") if isinstance(response, dict) else response
            records = self.api.objects(result, "records")
            columns = [str(field.get("id")) for field in self.api.objects(result, "fields")]
            require_columns(self.subject, self.plan, [name for name in columns if name != _ROW_NUMBER], are_all=True)
            if not records:
                return
            yield self.api.rows(records, are_all=True)
            offset += len(records)
