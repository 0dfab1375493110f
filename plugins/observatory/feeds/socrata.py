"""Socrata Open Data API (SODA 2.1): pages of JSON, filtered by time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import polars as pl
from dlt.sources.helpers.rest_client.paginators import BasePaginator
from requests import Request, Response

from observatory.errors import SourceChanged
from observatory.feeds.base import Reader, require_columns
from observatory.feeds.http.client import client, explained
from observatory.territory.sources import SocrataSource

# a page is held as JSON, Python objects and columns at once: 20,000 rows of 22 columns take about 100 MiB
PAGE_ROWS = 20_000


class OffsetPages(BasePaginator):
    """Pages by ``$offset`` until one is empty.

    A server may send fewer rows than requested, so the next page begins after the rows received.
    """

    def __init__(self) -> None:
        super().__init__()
        self._offset = 0

    def init_request(self, request: Request) -> None:
        """Request the first page."""
        self._offset, self._has_next_page = 0, True
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:  # noqa: ARG002
        """Count the received rows."""
        self._offset += len(data or [])
        self._has_next_page = bool(data)

    def update_request(self, request: Request) -> None:
        """Request the rows after those received."""
        request.params = {**cast("dict[str, str | int]", request.params), "$offset": self._offset}


@dataclass(frozen=True)
class SocrataReader(Reader[SocrataSource]):
    """Rows of one Socrata resource, filtered by the portal.

    Pages are ordered by time and identifier: without ``$order`` a portal may repeat or omit rows between pages. Rows
    omit empty values, so a column that is absent from a page may still exist.

    Attributes:
        page_rows: rows requested at a time; a portal allows 50,000.
    """

    page_rows: int = PAGE_ROWS

    def read(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of the window, one page at a time; see ``Reader.read``."""
        pages = client(self.source, self.patience).paginate(
            f"resource/{self.source.resource}.json",
            params=self._query(),
            paginator=OffsetPages(),
            data_selector="$",
        )
        with explained(self.feed_window):
            for page in pages:
                self._require_list(page.response)
                if page:
                    yield self._frame(page, page.response)

    def _query(self) -> dict[str, str | int]:
        start, end = (f"{edge:%Y-%m-%dT%H:%M:%S}" for edge in self._edges())
        times = self.plan.time_sources
        conditions = [f"{time} >= '{start}' and {time} < '{end}'" for time in times]
        conditions += [f"{column} in ({_listed(values)})" for column, values in self.feed.where.items()]
        query = {"$where": " and ".join(conditions)} if conditions else {}
        order = [*times, *(self.feed.sources_of("source_record_id") or (":id",))]
        return {**query, "$order": ", ".join(order), "$limit": self.page_rows}

    def _require_list(self, response: Response) -> None:
        if response.content.lstrip()[:1] != b"[":
            raise SourceChanged(
                self.subject,
                found=f"not a list of rows: {response.text[:120]}",
                expected="a JSON list",
                action=f"If the data moved, correct `address` or `resource` in {self.feed.territory_file}.",
            )

    def _frame(self, rows: list[dict[str, Any]], response: Response) -> pl.DataFrame:
        """The columns that the territory file names, each value as text."""
        listed = _listed_columns(response)
        require_columns(self.subject, self.plan, listed or set().union(*rows), are_all=bool(listed))
        schema = dict.fromkeys(self.feed.read_columns, pl.String())
        try:
            return pl.from_dicts(rows, schema=schema, strict=False)
        except pl.exceptions.ComputeError as error:
            raise SourceChanged(
                self.subject,
                found=f"a value that is not text or a number ({str(error).splitlines()[0]})",
                expected=f"plain values in the columns {list(schema)}",
                action=f"Correct feeds.{self.feed.feed_id}.columns in {self.feed.territory_file}.",
            ) from None


def _listed(values: tuple[str, ...]) -> str:
    """Values as a list of texts in SoQL."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def _listed_columns(response: Response) -> list[str]:
    """The resource's columns from a header, which the portal omits if there are too many."""
    with suppress(ValueError):
        return list(json.loads(response.headers.get("X-SODA2-Fields", "[]")))
    return []
