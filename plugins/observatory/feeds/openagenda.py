"""OpenAgenda's API v2: the events of an agenda by a cursor, one row per timing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from observatory.feeds.base import CHUNK_ROWS, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, gathered
from observatory.secrets import from_outside
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import OpenAgendaSource
from observatory.window import Window

PAGE_EVENTS = 100
"""Events asked for at a time; the server sends 20 unless told and 300 at most."""
KEY, TIMING = "timing_id", "timing"
"""Columns made here: ``<event>-<number of the timing>``, and what is one timing of many (``timing.begin``)."""


@dataclass(frozen=True)
class OpenAgendaFeed:
    """Timings of one agenda's events, those changed last coming last: what is changed while it is read comes twice.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        patience: how long the server is asked before it counts as down.
        page_events: events asked for at a time.
        chunk_rows: rows in memory at a time.
    """

    territory_code: str
    feed: FeedSettings
    patience: Patience = PATIENT
    page_events: int = PAGE_EVENTS
    chunk_rows: int = CHUNK_ROWS

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the timings; see ``Feed.read``.

        Raises:
            SecretMissing: there is no key to read with.
        """
        source = cast("OpenAgendaSource", self.feed.source)
        subject = f"{self.territory_code}/{self.feed.feed_id} {window}"
        api = JsonClient(subject, self.feed, self.patience, {"key": from_outside(subject, source.key)})
        yield from within(window, gathered(self._pages(api), self.chunk_rows), self.feed)

    def _pages(self, api: JsonClient) -> Iterator[pl.DataFrame]:
        source = cast("OpenAgendaSource", self.feed.source)
        path = f"v2/agendas/{source.agenda}/events"
        query: dict[str, Any] = {
            "size": self.page_events,
            "sort": "updatedAt.asc",
            "relative[]": ["passed", "current", "upcoming"],
            "monolingual": source.language,
            "includeFields[]": [*dict.fromkeys(["uid", "timings", *self._fields()])],
        }
        cursor: list[Any] | None = []
        seen: set[Any] = set()
        while cursor is not None:
            answer = api.get(path, {**query, "after[]": cursor})
            events = api.objects(answer, "events")
            new = [event for event in events if event.get("uid") not in seen]
            seen |= {event.get("uid") for event in new}
            timings = [timing for event in new for timing in self._timings(event)]
            if timings:
                yield api.rows(timings, are_all=False)
            cursor = answer.get("after") if events else None

    def _fields(self) -> list[str]:
        """What is asked of an event: nothing of whom to call or write to."""
        return [name for name in self.feed.read_columns if name.partition(".")[0] not in (KEY, TIMING)]

    def _timings(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        heads = {name.partition(".")[0] for name in self._fields()}
        wanted = {name: value for name, value in event.items() if name in heads}
        for number, timing in enumerate(event.get("timings") or []):
            yield {**wanted, KEY: f"{event.get('uid')}-{number}", TIMING: timing}
