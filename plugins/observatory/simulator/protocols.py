"""Servers of rows that speak a portal's protocol with its limits: for tests and benchmarks of the feeds.

Each is a function of path and query; ``app`` makes a server of it. Where a protocol promises no order unless one is
asked for, the order changes from request to request, as it may.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from observatory.simulator.faults import Fault
from observatory.simulator.portal import Faults, fault_of

Row = dict[str, Any]
Answer = Callable[[str, QueryParams, Mapping[str, str]], Any]
"""From path, query and headers to what is sent: JSON, or a response."""


def app(answer: Answer, faults: Faults = ()) -> Starlette:
    """A server of an answer; faults are planted as in the portal."""
    fault_for = fault_of(faults)

    async def respond(request: Request) -> Response:
        sent = await run_in_threadpool(answer, request.url.path, request.query_params, request.headers)
        good = sent if isinstance(sent, Response) else JSONResponse(sent)
        fault: Fault | None = fault_for(request)
        return fault(good) if fault else good

    return Starlette(routes=[Route("/{path:path}", respond)])


def opendatasoft(rows: Sequence[Row], types: Mapping[str, str], most_paged: int = 10_000) -> Answer:
    """A dataset: at most 100 rows a page, none beyond ``most_paged``, all of them as an export."""
    ask = _Asked(rows, r"date'([^']+)'", r'"([^"]*)"')

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


def arcgis(rows: Sequence[Row], types: Mapping[str, str], most: int = 2_000, own_id: str = "OBJECTID") -> Answer:
    """A layer: at most ``most`` features a page; errors come with status 200. Shapes are under ``geometry``."""
    ask = _Asked(rows, r"TIMESTAMP '([^']+)'", r"'([^']*)'")

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


def ckan(rows: Sequence[Row], types: Mapping[str, str], most: int = 32_000) -> Answer:
    """A table of the datastore: 100 rows unless told, at most ``most``."""
    ask = _Asked([{"_id": number, **row} for number, row in enumerate(rows, 1)], "", r'"([^"]*)"')

    def answer(_path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        filters = json.loads(query.get("filters", "{}"))
        condition = " and ".join(f"{name} in ({json.dumps(allowed)[1:-1]})" for name, allowed in filters.items())
        found = ask(condition, query.get("sort", ""))
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 100)), most)
        fields = [{"id": name, "type": kind} for name, kind in {"_id": "int", **types}.items()]
        return {"success": True, "result": {"fields": fields, "records": found[offset : offset + limit]}}

    return answer


def open311(rows: Sequence[Row], most: int = 1_000) -> Answer:
    """Requests, the newest first, at most ``most`` of a span of at most 90 days; both its ends are inside."""
    by_time = sorted(rows, key=_requested)

    def answer(_path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        first = bisect_left(by_time, query["start_date"], key=_requested)
        last = bisect_right(by_time, query["end_date"], key=_requested)
        return by_time[first:last][::-1][:most]

    return answer


def _requested(row: Row) -> str:
    return row["requested_datetime"]


def openagenda(events: Sequence[Row], key: str, most: int = 300) -> Answer:
    """An agenda by a cursor: 20 events unless told, at most ``most``; the page after the last is empty."""

    def answer(_path: str, query: QueryParams, headers: Mapping[str, str]) -> Any:
        if headers.get("key") != key:
            return JSONResponse({"message": "unauthorized"}, status_code=403)
        after = int(query.getlist("after[]")[-1]) if query.getlist("after[]") else 0
        page = events[after : after + min(int(query.get("size", 20)), most)]
        fields = query.getlist("includeFields[]")
        shown = [{name: event[name] for name in event if _is_included(name, fields)} for event in page]
        return {"total": len(events), "events": shown, "after": [str(after + len(page))] if page else None}

    return answer


class _Asked:
    """Rows as a condition and an order ask for them; without an order, in another at every request.

    Args:
        rows: all there are.
        moment: how the protocol writes a moment, as a pattern with one group.
        text: how it writes a text.
    """

    def __init__(self, rows: Sequence[Row], moment: str, text: str) -> None:
        self._rows, self._moment, self._text = rows, moment, text
        self._requests, self._last = count(), ("", "", list(rows))

    def __call__(self, condition: str, order: str) -> list[Row]:
        if (condition, order) != self._last[:2]:
            found = [row for row in self._rows if _holds(row, condition, self._moment, self._text)]
            names = re.findall(r"\w+", order)
            found.sort(key=lambda row: [(row.get(name) is None, row.get(name)) for name in names])
            self._last = (condition, order, found)
        found = self._last[2]
        turn = 0 if order else next(self._requests) % (len(found) or 1)
        return found[turn:] + found[:turn] if turn else found


def _holds(row: Row, condition: str, moment: str, text: str) -> bool:
    """Whether a row meets every part of a condition: ``>=`` and ``<`` of a moment, and ``in`` a list of texts."""
    for name, operator, edge in re.findall(rf"(\w+) (>=|<) {moment}", condition) if moment else ():
        value, limit = _moment(row.get(name)), _moment(edge)
        if value is None or limit is None or (value < limit if operator == ">=" else value >= limit):
            return False
    for name, listed in re.findall(r"(\w+) (?:in|IN) \(([^)]*)\)", condition):
        if row.get(name) not in re.findall(text, listed):
            return False
    return True


def _moment(value: Any) -> datetime | None:
    """A date, a moment (its offset is not looked at) or milliseconds since 1970."""
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC).replace(tzinfo=None)
    return datetime.fromisoformat(value).replace(tzinfo=None) if value else None


def _is_included(name: str, fields: Sequence[str]) -> bool:
    return not fields or name in {field.partition(".")[0] for field in fields}


def _refusal(message: str) -> Response:
    return JSONResponse({"error_code": "ODSQLError", "message": message}, status_code=400)
