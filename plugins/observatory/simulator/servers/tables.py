"""Portals of tables that take a condition and an order: Opendatasoft, ArcGIS, CKAN."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.asked import Asked, Rows


def opendatasoft(rows: Rows, types: Mapping[str, str], most_paged: int = 10_000) -> Answer:
    """A dataset: at most 100 rows a page, none beyond ``most_paged``, all of them as an export."""
    ask = Asked(rows, r"date'([^']+)'", r'"([^"]*)"')

    def answer(path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        if not path.endswith(("/records", "/exports/jsonl")):
            return {"dataset_id": "x", "fields": [{"name": name, "type": kind} for name, kind in types.items()]}
        selected = re.findall(r"\w+", query.get("select", "")) or list(types)
        if unknown := set(selected) - set(types):
            return _refusal(f"Unknown field: {unknown.pop()}")
        found = ask(query.get("where", ""), query.get("order_by", ""))
        if path.endswith("/exports/jsonl"):
            lines = (json.dumps({name: row.get(name) for name in selected}) for row in found)
            return Response("".join(f"{line}\n" for line in lines), media_type="application/json")
        limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
        if limit > 100 or offset + limit > most_paged:
            return _refusal("Invalid value for limit or offset")
        page = [{name: row.get(name) for name in selected} for row in found[offset : offset + limit]]
        return {"total_count": len(found), "results": page}

    return answer


def arcgis(rows: Rows, types: Mapping[str, str], most: int = 2_000, own_id: str = "OBJECTID") -> Answer:
    """A layer: at most ``most`` features a page; errors come with status 200. Shapes are under ``geometry``."""
    ask = Asked(rows, r"TIMESTAMP '([^']+)'", r"'([^']*)'")

    def answer(path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        if not path.endswith("/query"):
            fields = [{"name": name, "type": kind} for name, kind in types.items()]
            return {"objectIdField": own_id, "geometryType": "esriGeometryPoint", "fields": fields}
        selected = query.get("outFields", "").split(",")
        if not set(selected) <= set(types):
            return {"error": {"code": 400, "message": "Unable to complete operation.", "details": ["Invalid field"]}}
        found = ask(query.get("where", ""), query.get("orderByFields", ""))
        offset, wanted = int(query.get("resultOffset", 0)), min(int(query.get("resultRecordCount", most)), most)
        page = found[offset : offset + wanted]
        features = [
            {
                "attributes": {name: row.get(name) for name in selected},
                **({"geometry": row.get("geometry")} if query.get("returnGeometry") == "true" else {}),
            }
            for row in page
        ]
        more = {"exceededTransferLimit": True} if offset + len(page) < len(found) else {}
        return {"spatialReference": {"wkid": int(query.get("outSR", 4326))}, "features": features, **more}

    return answer


def ckan(rows: Rows, types: Mapping[str, str], most: int = 32_000) -> Answer:
    """A table of the datastore: 100 rows unless told, at most ``most``."""
    ask = Asked(rows, "", r'"([^"]*)"', numbered="_id")

    def answer(_path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        filters = json.loads(query.get("filters", "{}"))
        condition = " and ".join(f"{name} in ({json.dumps(allowed)[1:-1]})" for name, allowed in filters.items())
        found = ask(condition, query.get("sort", ""))
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), most)
        fields = [{"id": name, "type": kind} for name, kind in {"_id": "int", **types}.items()]
        return {"success": True, "result": {"fields": fields, "records": found[offset : offset + limit]}}

    return answer


def _refusal(message: str) -> Response:
    return JSONResponse({"error_code": "ODSQLError", "message": message}, status_code=400)
