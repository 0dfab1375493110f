"""A context broker (NGSI-LD): entities of one type, page by page, with their count."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.asked import Rows, rows_of

_OF_EVERY_ENTITY = ("id", "type")


def ngsi_ld(rows: Rows, entity_type: str, most: int = 1_000) -> Answer:
    """Entities in their short form: 20 a page by default, at most ``most``; attributes without a value are left out.

    Args:
        rows: the entities' attributes, with ``id``.
        entity_type: the type of all of them.
        most: maximum entities of a page.
    """

    def answer(path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        if not path.endswith("/entities") or query.get("type") != entity_type:
            title = "Expected /entities with the type of entities that is here"
            return JSONResponse({"type": "BadRequestData", "title": title}, status_code=400)
        entities = rows_of(rows)
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 20)), most)
        wanted = [*_OF_EVERY_ENTITY, *query["attrs"].split(",")] if "attrs" in query else None
        page = [_shown({"type": entity_type, **entity}, wanted) for entity in entities[offset : offset + limit]]
        return JSONResponse(page, headers={"NGSILD-Results-Count": str(len(entities))})

    return answer


def _shown(entity: Mapping[str, Any], wanted: list[str] | None) -> dict[str, Any]:
    names = entity if wanted is None else dict.fromkeys(name for name in wanted if name in entity)
    return {name: entity[name] for name in names if entity[name] is not None}
