"""Socrata Open Data API (SODA 2.1): paged JSON over a filter on time."""

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
from observatory.feeds.base import edges, require_columns
from observatory.feeds.http.client import PATIENT, Patience, client, explained
from observatory.kinds import KINDS
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import SocrataSource
from observatory.window import Window

# a page is JSON, Python objects and columns at once: 20,000 rows of 22 columns take some 100 MiB
PAGE_ROWS = 20_000


class OffsetPages(BasePaginator):
    """Pages by ``$offset``, until one is empty.

    The next page begins after the rows that came, not after those asked for: a server may send fewer than asked.
    """

    def __init__(self) -> None:
        super().__init__()
        self._offset = 0

    def init_request(self, request: Request) -> None:
        """Begin with the first row."""
        self._offset, self._has_next_page = 0, True
        self.update_request(request)

    def update_state(self, response: Response, data: list[Any] | None = None) -> None:  # noqa: ARG002
        """Count the rows that came."""
        self._offset += len(data or [])
        self._has_next_page = bool(data)

    def update_request(self, request: Request) -> None:
        """Ask for the rows after those."""
        request.params = {**cast("dict[str, str | int]", request.params), "$offset": self._offset}


@dataclass(frozen=True)
class SocrataFeed:
    """Rows of one Socrata resource.

    Pages are ordered by time and identifier: without ``$order`` a portal may repeat or drop rows between pages. Empty
    values are left out of the rows, so a column may be absent from a page without being gone from the portal.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        page_rows: rows asked for at a time; a portal allows 50,000.
        patience: how long the portal is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    page_rows: int = PAGE_ROWS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window, one page at a time; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("SocrataSource", self.feed.source)
        pages = client(source, self.patience).paginate(
            f"resource/{source.resource}.json",
            params=self._query(window),
            paginator=OffsetPages(),
            data_selector="$",
        )
        with explained(where, self.feed.territory_file):
            for page in pages:
                self._require_list(where, page.response)
                if page:
                    yield self._frame(where, page, page.response)

    def _query(self, window: Window) -> dict[str, str | int]:
        """The window on the source's own clock, which has no offset."""
        start, end = (f"{edge:%Y-%m-%dT%H:%M:%S}" for edge in edges(window, self.feed))
        times = self.feed.window_sources if KINDS[self.feed.kind].time_column else ()
        conditions = [f"{time} >= '{start}' and {time} < '{end}'" for time in times]
        conditions += [f"{column} in ({_listed(values)})" for column, values in self.feed.where.items()]
        query = {"$where": " and ".join(conditions)} if conditions else {}
        order = [*times, *(self.feed.sources_of("source_record_id") or (":id",))]
        return {**query, "$order": ", ".join(order), "$limit": self.page_rows}

    def _require_list(self, where: str, response: Response) -> None:
        if response.content.lstrip()[:1] != b"[":
            raise SourceChanged(
                where,
                found=f"not a list of rows: {response.text[:120]}",
                expected="a JSON list",
                action=f"If the data moved, correct `address` or `resource` in {self.feed.territory_file}.",
            )

    def _frame(self, where: str, rows: list[dict[str, Any]], response: Response) -> pl.DataFrame:
        """Only the columns that the territory file names; every value as text, as it is written."""
        listed = _listed_columns(response)
        require_columns(where, self.feed, listed or set().union(*rows), are_all=bool(listed))
        schema = dict.fromkeys(self.feed.read_columns, pl.String())
        try:
            return pl.from_dicts(rows, schema=schema, strict=False)
        except pl.exceptions.ComputeError as error:
            raise SourceChanged(
                where,
                found=f"a value that is not text or a number ({str(error).splitlines()[0]})",
                expected=f"plain values in the columns {list(schema)}",
                action=f"Correct feeds.{self.feed.feed_id}.columns in {self.feed.territory_file}.",
            ) from None


def _listed(values: tuple[str, ...]) -> str:
    """Values as SoQL writes a list of texts."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def _listed_columns(response: Response) -> list[str]:
    """The resource's columns as the portal lists them in a header, which it leaves out where they are too many."""
    with suppress(ValueError):
        return list(json.loads(response.headers.get("X-SODA2-Fields", "[]")))
    return []
