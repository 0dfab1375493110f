"""Opendatasoft's Explore API v2.1: pages for up to 10,000 records, one export for more."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from observatory.feeds.base import require_columns
from observatory.feeds.http.client import download, explained
from observatory.feeds.json_source import JsonReader, parsed
from observatory.territory.sources import OpendatasoftSource

PAGE_ROWS = 100
"""Rows requested at a time, which is the portal's maximum."""
MOST_PAGED = 10_000
"""Rows beyond which the portal refuses pages."""
_SORTABLE = ("date", "datetime", "text", "int", "double", "boolean")


@dataclass(frozen=True)
class OpendatasoftReader(JsonReader[OpendatasoftSource]):
    """Rows of one dataset, always explicitly ordered: without an order pages may repeat or omit rows.

    Attributes:
        most_paged: number of rows above which an export is requested instead of pages.
    """

    most_paged: int = MOST_PAGED

    def _frames(self) -> Iterator[pl.DataFrame]:
        api = self.api
        path = f"api/explore/v2.1/catalog/datasets/{self.source.dataset}"
        types = {str(field.get("name")): str(field.get("type")) for field in api.objects(api.get(path), "fields")}
        known = {name for name in self.feed.read_columns if name.partition(".")[0] in types}
        require_columns(self.subject, self.plan, known | set(types), are_all=True)
        query = self._query(types)
        first = api.get(f"{path}/records", {**query, "limit": PAGE_ROWS, "offset": 0})
        count = first.get("total_count", 0) if isinstance(first, dict) else 0
        if count > self.most_paged:
            yield from self._exported(f"{path}/exports/jsonl", query, count)
        else:
            yield from self._paged(f"{path}/records", query, first)

    def _paged(self, path: str, query: Mapping[str, Any], first: Any) -> Iterator[pl.DataFrame]:
        offset, objects = 0, self.api.objects(first, "results")
        while objects:
            yield self.api.rows(objects, are_all=True)
            offset += len(objects)
            if offset >= self.most_paged:
                return
            limit = min(PAGE_ROWS, self.most_paged - offset)
            objects = self.api.objects(self.api.get(path, {**query, "limit": limit, "offset": offset}), "results")

    def _exported(self, path: str, query: Mapping[str, Any], count: int) -> Iterator[pl.DataFrame]:
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            file = Path(folder) / "export.jsonl"
            is_complete, query = partial(_has_rows, count=count), {**query, "limit": -1}
            download(self.feed_window, path, file, patience=self.patience, query=query, is_complete=is_complete)
            with file.open("rb") as lines:
                while chunk := list(islice(lines, self.chunk_rows)):
                    with explained(self.feed_window):
                        objects = parsed(b"[%b]" % b",".join(chunk))
                    yield self.api.rows(self.api.objects(objects), are_all=True)

    def _query(self, types: Mapping[str, str]) -> dict[str, str]:
        conditions = [f"{column} in ({_listed(values)})" for column, values in self.feed.where.items()]
        times = self.plan.time_sources
        if len(times) == 1 and types.get(times[0]) in ("date", "datetime"):
            start, end = (f"date'{edge:%Y-%m-%dT%H:%M:%S}'" for edge in self._edges())
            conditions += [f"{times[0]} >= {start}", f"{times[0]} < {end}"]
        fields = dict.fromkeys(name.partition(".")[0] for name in self.feed.read_columns)
        key = [*times, *self.feed.sources_of("source_record_id")]
        order = key if self.feed.sources_of("source_record_id") else [*times, *fields]
        return {
            "select": ", ".join(fields),
            **({"where": " and ".join(conditions)} if conditions else {}),
            "order_by": ", ".join(dict.fromkeys(name for name in order if types.get(name) in _SORTABLE)),
            "timezone": "UTC",
        }


def _listed(values: tuple[str, ...]) -> str:
    """Values as a list of texts in ODSQL."""
    return ", ".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)


def _has_rows(export: Path, count: int) -> bool:
    """Whether an export has as many rows as the portal counted, and the last is not truncated."""
    with export.open("rb") as file:
        found, last = 0, b""
        for found, last in enumerate(file, 1):  # noqa: B007
            pass
    return found >= count and last.rstrip().endswith(b"}")
