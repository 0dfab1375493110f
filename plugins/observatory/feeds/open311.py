"""Open311 GeoReport v2: requests by spans of time; a span with more requests than the server lists is halved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.json_source import JsonReader
from observatory.territory.sources import Open311Source

LONGEST_SPAN = timedelta(days=90)
_KEY = "service_request_id"
_STANDARD = frozenset(
    {"service_request_id", "status", "status_notes", "service_name", "service_code", "description",
     "agency_responsible", "service_notice", "requested_datetime", "updated_datetime", "expected_datetime",
     "address", "address_id", "zipcode", "lat", "long", "media_url"}
)  # fmt: skip
"""Fields of a request in the specification; only a field with another name can be a renamed column."""
_SECOND = timedelta(seconds=1)


class Open311Reader(JsonReader[Open311Source]):
    """Requests of citizens. The specification has neither order nor pages, so a full response is split by time."""

    def _frames(self) -> Iterator[pl.DataFrame]:
        # both ends of a span belong to it, so adjacent spans both list a request at their common end
        before: set[Any] = set()
        for requests in self._spans(self.window.start, self.window.end):
            new = {request.get(_KEY): request for request in requests if request.get(_KEY) not in before}
            before = {request.get(_KEY) for request in requests}
            if new:
                unwanted = _STANDARD - set(self.feed.read_columns)
                rows = [{name: request[name] for name in request if name not in unwanted} for request in new.values()]
                yield self.api.rows(rows, are_all=False)

    def _spans(self, start: datetime, end: datetime) -> Iterator[list[dict[str, Any]]]:
        """The requests of each span that the server lists completely, oldest span first."""
        requests = None if end - start > LONGEST_SPAN else self._listed(start, end)
        if requests is not None and len(requests) < self.source.most_listed:
            yield requests
            return
        middle = (start + (end - start) / 2).replace(microsecond=0)
        if end - start < 2 * _SECOND:
            raise SourceChanged(
                self.subject,
                found=f"{self.source.most_listed} requests or more within two seconds of {start:%Y-%m-%d %H:%M:%S} UTC",
                expected="a span that the server lists completely",
                action=f"Ask {self.feed.owner} for a file of these requests.",
            )
        yield from self._spans(start, middle)
        yield from self._spans(middle, end)

    def _listed(self, start: datetime, end: datetime) -> list[dict[str, Any]]:
        jurisdiction = self.source.jurisdiction
        query = {"start_date": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end_date": f"{end:%Y-%m-%dT%H:%M:%SZ}"}
        return self.api.objects(
            self.api.get("requests.json", {**query, **({"jurisdiction_id": jurisdiction} if jurisdiction else {})})
        )
