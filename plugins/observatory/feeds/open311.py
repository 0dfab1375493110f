"""Open311 GeoReport v2: requests by spans of time, halved where a span has more than the server lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import CHUNK_ROWS, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, gathered
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import Open311Source
from observatory.window import Window

LONGEST_SPAN = timedelta(days=90)
_KEY = "service_request_id"
_STANDARD = frozenset(
    {"service_request_id", "status", "status_notes", "service_name", "service_code", "description",
     "agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime",
     "address", "address_id", "zipcode", "lat", "long", "media_url"}
)  # fmt: skip
"""What the specification gives a request; only other names can be new ones of an old column."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Open311Feed:
    """Requests of citizens. The specification has no order and no pages: a span that comes full is asked in halves.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        patience: how long the server is asked before it counts as down.
        chunk_rows: rows in memory at a time.
    """

    territory_code: str
    feed: FeedSettings
    patience: Patience = PATIENT
    chunk_rows: int = CHUNK_ROWS

    @property
    def source(self) -> Open311Source:
        """Which server, and how much it lists."""
        return cast("Open311Source", self.feed.source)

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window; see ``Feed.read``."""
        api = JsonClient(f"{self.territory_code}/{self.feed.feed_id} {window}", self.feed, self.patience)
        yield from within(window, gathered(self._pages(api, window), self.chunk_rows), self.feed)

    def _pages(self, api: JsonClient, window: Window) -> Iterator[pl.DataFrame]:
        # both ends of a span are inside it, so that spans which touch list what lies between them twice
        before: set[Any] = set()
        for requests in self._spans(api, window.start, window.end):
            new = {request.get(_KEY): request for request in requests if request.get(_KEY) not in before}
            before = {request.get(_KEY) for request in requests}
            if new:
                unwanted = _STANDARD - set(self.feed.read_columns)
                rows = [{name: request[name] for name in request if name not in unwanted} for request in new.values()]
                yield api.rows(rows, are_all=False)

    def _spans(self, api: JsonClient, start: datetime, end: datetime) -> Iterator[list[dict[str, Any]]]:
        """The requests of each span that the server lists whole, oldest span first."""
        requests = None if end - start > LONGEST_SPAN else self._listed(api, start, end)
        if requests is not None and len(requests) < self.source.most_listed:
            yield requests
            return
        middle = (start + (end - start) / 2).replace(microsecond=0)
        if end - start < 2 * _SECOND:
            raise SourceChanged(
                api.subject,
                found=f"{self.source.most_listed} requests or more within two seconds of {start:%Y-%m-%d %H:%M:%S} UTC",
                expected="a span short enough for the server to list it whole",
                action=f"Ask {self.feed.owner} for a file of these requests.",
            )
        yield from self._spans(api, start, middle)
        yield from self._spans(api, middle, end)

    def _listed(self, api: JsonClient, start: datetime, end: datetime) -> list[dict[str, Any]]:
        jurisdiction = self.source.jurisdiction
        query = {"start_date": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end_date": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        return api.objects(
            api.get("requests.json", {**query, **({"jurisdiction_id": jurisdiction} if jurisdiction else {})})
        )
