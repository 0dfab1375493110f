"""OpenAgenda's API v2: the events of an agenda, paged by a cursor, one row per timing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from observatory.feeds.json_source import JsonReader
from observatory.secrets import from_outside
from observatory.territory.sources import OpenAgendaSource

PAGE_EVENTS = 100
"""Events requested at a time; the server sends 20 by default and 300 at most."""
KEY, TIMING = "timing_id", "timing"
"""Computed columns: ``<event>-<number of the timing>``, and one of the event's timings (``timing.begin``)."""


@dataclass(frozen=True)
class OpenAgendaReader(JsonReader[OpenAgendaSource]):
    """Timings of one agenda's events, least recently changed first, so that a change during the read moves an event on.

    Attributes:
        page_events: events requested at a time.
    """

    page_events: int = PAGE_EVENTS

    def _headers(self) -> dict[str, str]:
        return {"key": from_outside(self.subject, self.source.key)}

    def _frames(self) -> Iterator[pl.DataFrame]:
        path = f"v2/agendas/{self.source.agenda}/events"
        query: dict[str, Any] = {
            "size": self.page_events,
            "sort": "updatedAt.asc",
            "relative[]": ["passed", "current", "upcoming"],
            "monolingual": self.source.language,
            "includeFields[]": [*dict.fromkeys(["uid", "timings", *self._fields()])],
        }
        cursor: list[Any] | None = []
        seen: set[Any] = set()
        while cursor is not None:
            response = self.api.get(path, {**query, "after[]": cursor})
            events = self.api.objects(response, "events")
            new = [event for event in events if event.get("uid") not in seen]
            seen |= {event.get("uid") for event in new}
            timings = [timing for event in new for timing in self._timings(event)]
            if timings:
                yield self.api.rows(timings, are_all=False)
            cursor = response.get("after") if events else None

    def _fields(self) -> list[str]:
        """Requested fields of an event: those that are read, and none with contact details."""
        return [name for name in self.feed.read_columns if name.partition(".")[0] not in (KEY, TIMING)]

    def _timings(self, event: dict[str, Any]) -> Iterator[dict[str, Any]]:
        heads = {name.partition(".")[0] for name in self._fields()}
        wanted = {name: value for name, value in event.items() if name in heads}
        for number, timing in enumerate(event.get("timings") or []):
            yield {**wanted, KEY: f"{event.get('uid')}-{number}", TIMING: timing}
