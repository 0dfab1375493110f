"""Portals of tables that take a condition and an order: ArcGIS, CKAN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams

from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.asked import FilteredRows, Rows


def arcgis(rows: Rows, types: Mapping[str, str], most: int = 2_000, own_id: str = "OBJECTID") -> Answer:
    """A layer: at most ``most`` features a page; errors come with status 200. Shapes are under ``geometry``."""
    ask = FilteredRows(rows, r"TIMESTAMP '([^']+)'", r"'([^']*)'")

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
    """A table of the datastore: 100 rows by default, at most ``most``."""
    ask = FilteredRows(rows, "", r'"([^"]*)"', numbered="_id")

    def answer(_path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        filters = json.loads(query.get("filters", "{}"))
        condition = " and ".join(f"{name} in ({json.dumps(allowed)[1:-1]})" for name, allowed in filters.items())
        found = ask(condition, query.get("sort", ""))
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), most)
        fields = [{"id": name, "type": kind} for name, kind in {"_id": "int", **types}.items()]
        return {"success": True, "result": {"fields": fields, "records": found[offset : offset + limit]}}

    return answer
