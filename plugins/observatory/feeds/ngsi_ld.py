"""NGSI-LD: entities of a context broker (FIWARE), page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds.base import require_columns
from observatory.feeds.json_source import JsonReader, filled, tabulate
from observatory.privacy.columns import refused_at_the_door
from observatory.territory.sources import NgsiLdSource

if TYPE_CHECKING:
    from requests import Response

PAGE_ROWS = 1_000
_COUNT = "NGSILD-Results-Count"
_OF_EVERY_ENTITY = {"id", "type", "@context"}
_VALUES = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")


@dataclass(frozen=True)
class NgsiLdReader(JsonReader[NgsiLdSource]):
    """Entities of one type; a column is an attribute, ``a.b`` a field within it; nested values are JSON.

    Only the attributes that the territory file names are requested. If the broker nevertheless sends an image, a track
    or a plate, the whole response is refused.

    Attributes:
        page_rows: entities requested at a time; brokers allow 1,000.
    """

    page_rows: int = PAGE_ROWS

    def _headers(self) -> dict[str, str]:
        headers = super()._headers() | {"Accept": "application/json"}
        if self.source.tenant:
            headers["NGSILD-Tenant"] = self.source.tenant
        if self.source.context:
            relation = 'rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'
            headers["Link"] = f"<{self.source.context}>; {relation}"
        return headers

    def _frames(self) -> Iterator[pl.DataFrame]:
        """Pages until the broker's own count is reached, or a page is empty.

        A broker may send fewer entities than requested, so the next page begins after those received. A new entity
        shifts the others while pages are read; entities that are sent again are skipped.
        """
        offset, before = 0, set[str]()
        while True:
            response = self.api.response("entities", self._query(offset))
            entities = self._entities(response)
            new = [entity for entity in entities if str(entity.get("id")) not in before]
            ids = {str(entity.get("id")) for entity in entities}
            if entities and ids == before:
                raise self.api.changed("the same page twice", "the page after it")
            if new:
                yield self._frame(new)
            before = ids
            offset += len(entities)
            count = response.headers.get(_COUNT, "")
            if not entities or (count.isdigit() and offset >= int(count)):
                return

    def _query(self, offset: int) -> dict[str, str | int]:
        named = dict.fromkeys(name.partition(".")[0] for name in self.feed.read_columns)
        attributes = ",".join(name for name in named if name not in _OF_EVERY_ENTITY)
        page: dict[str, str | int] = {"limit": self.page_rows, "offset": offset, "count": "true"}
        query = {"type": self.source.type, **page, "options": "keyValues"}
        return {**query, **({"attrs": attributes} if attributes else {})}

    def _entities(self, response: Response) -> list[dict[str, Any]]:
        listed = response.json()
        if not isinstance(listed, list) or not all(isinstance(entity, dict) for entity in listed):
            raise self.api.changed(f"not a list of entities: {response.text[:120]}", "a JSON list")
        refused = refused_at_the_door(dict.fromkeys(name for entity in listed for name in _names(entity)))
        if refused:
            raise SourceChanged(
                self.subject,
                found=f"the entities contain {refused}",
                expected="no image, no track and no plate, whether mapped or not",
                action=f"Nothing was read. Ask {self.feed.owner} to remove them from what it sends.",
            )
        return [{name: _simple(value) for name, value in entity.items()} for entity in listed]

    def _frame(self, entities: list[dict[str, Any]]) -> pl.DataFrame:
        rows = tabulate(entities, self.feed.read_columns)[0]
        # brokers omit attributes without a value, so an absent attribute may still exist
        requested = {name.partition(".")[0] for name in self.feed.read_columns}
        new = {name for entity in entities for name in entity} - requested - _OF_EVERY_ENTITY
        require_columns(self.subject, self.plan, filled(rows) | new, are_all=False)
        return rows


def _names(value: Any) -> Iterator[str]:
    """Names of the fields of an entity, at every depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _names(inner)


def _simple(value: Any) -> Any:
    """The value of an attribute; some brokers send type and metadata although the short form was requested."""
    if isinstance(value, Mapping) and str(value.get("type", "")).endswith(("Property", "Relationship")):
        return next((value[name] for name in _VALUES if name in value), None)
    return value
