"""Opendatasoft's Explore API v2.1: pages of records up to 10,000, one export beyond."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

import polars as pl

from observatory.feeds.base import CHUNK_ROWS, edges, require_columns, within
from observatory.feeds.http.client import PATIENT, Patience, download, explained
from observatory.feeds.http.json_source import JsonClient, gathered, parsed
from observatory.kinds import KINDS
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import OpendatasoftSource
from observatory.window import Window

PAGE_ROWS = 100
"""Most that the portal sends at a time."""
MOST_PAGED = 10_000
"""Rows beyond which a portal answers no page."""
_SORTABLE = ("date", "datetime", "text", "int", "double", "boolean")


@dataclass(frozen=True)
class OpendatasoftFeed:
    """Rows of one dataset, always in an order that is said: without it a page may repeat or drop rows of another.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        patience: how long the portal is asked before it counts as down.
        most_paged: rows beyond which an export is asked for.
        chunk_rows: rows in memory at a time.
    """

    territory_code: str
    feed: FeedSettings
    patience: Patience = PATIENT
    most_paged: int = MOST_PAGED
    chunk_rows: int = CHUNK_ROWS

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window; see ``Feed.read``."""
        api = JsonClient(f"{self.territory_code}/{self.feed.feed_id} {window}", self.feed, self.patience)
        path = f"api/explore/v2.1/catalog/datasets/{cast('OpendatasoftSource', self.feed.source).dataset}"
        types = {str(field.get("name")): str(field.get("type")) for field in api.objects(api.get(path), "fields")}
        known = {name for name in self.feed.read_columns if name.partition(".")[0] in types}
        require_columns(api.subject, self.feed, known | set(types), are_all=True)
        query = self._query(window, types)
        first = api.get(f"{path}/records", {**query, "limit": PAGE_ROWS, "offset": 0})
        count = first.get("total_count", 0) if isinstance(first, dict) else 0
        if count > self.most_paged:
            chunks = self._exported(api, f"{path}/exports/jsonl", query, count)
        else:
            chunks = gathered(self._paged(api, f"{path}/records", query, first), self.chunk_rows)
        yield from within(window, chunks, self.feed)

    def _paged(self, api: JsonClient, path: str, query: Mapping[str, Any], first: Any) -> Iterator[pl.DataFrame]:
        offset, objects = 0, api.objects(first, "results")
        while objects:
            yield api.rows(objects, are_all=True)
            offset += len(objects)
            if offset >= self.most_paged:
                return
            limit = min(PAGE_ROWS, self.most_paged - offset)
            objects = api.objects(api.get(path, {**query, "limit": limit, "offset": offset}), "results")

    def _exported(self, api: JsonClient, path: str, query: Mapping[str, Any], count: int) -> Iterator[pl.DataFrame]:
        with tempfile.TemporaryDirectory(prefix="observatory-") as folder:
            file = Path(folder) / "export.jsonl"
            all_of_them = partial(_has_rows, count=count)
            query = {**query, "limit": -1}
            download(api.subject, self.feed, path, file, patience=self.patience, query=query, is_complete=all_of_them)
            with file.open("rb") as lines:
                while chunk := list(islice(lines, self.chunk_rows)):
                    with explained(api.subject, self.feed.territory_file):
                        objects = parsed(b"[%b]" % b",".join(chunk))
                    yield api.rows(api.objects(objects), are_all=True)

    def _query(self, window: Window, types: Mapping[str, str]) -> dict[str, str]:
        conditions = [f"{column} in ({_listed(values)})" for column, values in self.feed.where.items()]
        times = self.feed.window_sources if KINDS[self.feed.kind].time_column else ()
        if len(times) == 1 and types.get(times[0]) in ("date", "datetime"):
            start, end = (f"date'{edge:%Y-%m-%dT%H:%M:%S}'" for edge in edges(window, self.feed))
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
    """Values as ODSQL writes a list of texts."""
    return ", ".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)


def _has_rows(export: Path, count: int) -> bool:
    """Whether an export has as many rows as the portal counted, the last of them to its end."""
    with export.open("rb") as file:
        found, last = 0, b""
        for found, last in enumerate(file, 1):  # noqa: B007
            pass
    return found >= count and last.rstrip().endswith(b"}")
