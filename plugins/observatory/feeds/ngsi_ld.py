"""NGSI-LD: entities of a context broker (FIWARE), page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns, within
from observatory.feeds.http.client import PATIENT, Patience
from observatory.feeds.http.json_source import JsonClient, filled, tabulate, token_header
from observatory.privacy.columns import refused_at_the_door
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import NgsiLdSource
from observatory.window import Window

if TYPE_CHECKING:
    from requests import Response

PAGE_ROWS = 1_000
_COUNT = "NGSILD-Results-Count"
_OF_EVERY_ENTITY = {"id", "type", "@context"}
_VALUES = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")


@dataclass(frozen=True)
class NgsiLdFeed:
    """Entities of one type; a column is an attribute, ``a.b`` a field within it, what is nested stays JSON.

    Only the attributes that the territory file names are asked for. A broker that sends an image, a track or a plate
    all the same is refused as a whole: it must not send them.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        page_rows: entities asked for at a time; brokers allow 1,000.
        patience: how long the broker is asked before it counts as down.
    """

    territory_code: str
    feed: FeedSettings
    page_rows: int = PAGE_ROWS
    patience: Patience = PATIENT

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the entities of a window, one page at a time; see ``Feed.read``."""
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        source = cast("NgsiLdSource", self.feed.source)
        headers = token_header(where, source.token_variable) | {"Accept": "application/json"}
        if source.tenant:
            headers["NGSILD-Tenant"] = source.tenant
        if source.context:
            relation = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
            headers["Link"] = f"<{source.context}>; {relation}"
        yield from within(window, self._pages(JsonClient(where, self.feed, self.patience, headers)), self.feed)

    def _pages(self, api: JsonClient) -> Iterator[pl.DataFrame]:
        """Pages until the broker's own count is reached, or one is empty.

        The next page begins after the entities that came: a broker may send fewer than asked. An entity that was made
        while pages were read moves the others on; those that come again are left out.
        """
        offset, before = 0, set[str]()
        while True:
            response = api.response("entities", self._query(offset))
            entities = self._entities(api, response)
            new = [entity for entity in entities if str(entity.get("id")) not in before]
            ids = {str(entity.get("id")) for entity in entities}
            if entities and ids == before:
                raise api.changed("the same page for another offset", "the page after it")
            if new:
                yield self._frame(api, new)
            before = ids
            offset += len(entities)
            count = response.headers.get(_COUNT, "")
            if not entities or (count.isdigit() and offset >= int(count)):
                return

    def _query(self, offset: int) -> dict[str, str | int]:
        source = cast("NgsiLdSource", self.feed.source)
        named = dict.fromkeys(name.partition(".")[0] for name in self.feed.read_columns)
        attributes = ",".join(name for name in named if name not in _OF_EVERY_ENTITY)
        query: dict[str, str | int] = {"type": source.type, "limit": self.page_rows, "offset": offset, "count": "true"}
        return {**query, "options": "keyValues", **({"attrs": attributes} if attributes else {})}

    def _entities(self, api: JsonClient, response: Response) -> list[dict[str, Any]]:
        answered = response.json()
        if not isinstance(answered, list) or not all(isinstance(entity, dict) for entity in answered):
            raise api.changed(f"not a list of entities: {response.text[:120]}", "a JSON list")
        refused = refused_at_the_door(dict.fromkeys(name for entity in answered for name in _names(entity)))
        if refused:
            raise SourceChanged(
                api.subject,
                found=f"the entities carry {refused}",
                expected="no image, no track and no plate, whether mapped or not",
                action=f"Nothing was read. Ask {self.feed.owner} to leave them out of what it hands over.",
            )
        return [{name: _simple(value) for name, value in entity.items()} for entity in answered]

    def _frame(self, api: JsonClient, entities: list[dict[str, Any]]) -> pl.DataFrame:
        rows = tabulate(entities, self.feed.read_columns)[0]
        # attributes are left out where they have no value, so that one may be absent without being gone
        asked = {name.partition(".")[0] for name in self.feed.read_columns}
        new = {name for entity in entities for name in entity} - asked - _OF_EVERY_ENTITY
        require_columns(api.subject, self.feed, filled(rows) | new, are_all=False)
        return rows


def _names(value: Any) -> Iterator[str]:
    """Names of the fields of an entity, however deep."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _simple(value: Any) -> Any:
    """The value of an attribute that came with its type and metadata, though the short form was asked for."""
    if isinstance(value, Mapping) and str(value.get("type", "")).endswith(("Property", "Relationship")):
        return next((value[name] for name in _VALUES if name in value), None)
    return value
