"""Overpass: places by their tags in a rectangle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import QueryParams

from observatory.simulator.servers.answer import Answer
from observatory.simulator.servers.asked import Rows, rows_of

_BOX = re.compile(r"\[bbox:([-\d.]+),([-\d.]+),([-\d.]+),([-\d.]+)\]")
_WANTED = re.compile(r'nwr\["([^"]+)"="([^"]+)"\]')


def overpass(rows: Rows) -> Answer:
    """Elements (``type``, ``id``, ``lat``, ``lon``, ``tags``) with a requested tag; ways have their centre."""

    def answer(_path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        box = _BOX.search(query["data"])
        south, west, north, east = map(float, box.groups()) if box else (-90, -180, 90, 180)
        wanted = _WANTED.findall(query["data"])
        found = [
            row
            for row in rows_of(rows)
            if south <= row["lat"] <= north
            and west <= row["lon"] <= east
            and any(row["tags"].get(key) == value for key, value in wanted)
        ]
        return {"version": 0.6, "generator": "simulated", "elements": [_element(row) for row in found]}

    return answer


def _element(row: dict[str, Any]) -> dict[str, Any]:
    named = {"type": row["type"], "id": row["id"]}
    point = {"lat": row["lat"], "lon": row["lon"]}
    tags = {key: value for key, value in row["tags"].items() if value is not None}
    return {**named, **(point if row["type"] == "node" else {"center": point}), "tags": tags}
