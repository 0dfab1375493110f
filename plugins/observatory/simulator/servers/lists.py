"""Servers that list by an interval or a cursor: Open311, OpenAgenda."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from observatory.simulator.servers.answer import Answer, Row
from observatory.simulator.servers.asked import Rows, as_moment, rows_of


def open311(rows: Rows, most: int = 1_000) -> Answer:
    """Requests of an interval (both ends included), newest first, at most ``most``."""

    def answer(_path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        span = as_moment(query["start_date"]), as_moment(query["end_date"])
        by_time = sorted(rows_of(rows, *span), key=_requested)
        first = bisect_left(by_time, query["start_date"], key=_requested)
        last = bisect_right(by_time, query["end_date"], key=_requested)
        return by_time[first:last][::-1][:most]

    return answer


def _requested(row: Row) -> str:
    return row["requested_datetime"]


def openagenda(events: Rows, key: str, most: int = 300) -> Answer:
    """An agenda by a cursor: 20 events by default, at most ``most``; the page after the last is empty."""

    def answer(_path: str, query: QueryParams, headers: Mapping[str, str]) -> Any:
        if headers.get("key") != key:
            return JSONResponse({"message": "unauthorized"}, status_code=403)
        after = int(query.getlist("after[]")[-1]) if query.getlist("after[]") else 0
        listed = rows_of(events)
        page = listed[after : after + min(int(query.get("size", 20)), most)]
        fields = query.getlist("includeFields[]")
        shown = [{name: event[name] for name in event if _is_included(name, fields)} for event in page]
        return {"total": len(listed), "events": shown, "after": [str(after + len(page))] if page else None}

    return answer


def _is_included(name: str, fields: Sequence[str]) -> bool:
    return not fields or name in {field.partition(".")[0] for field in fields}
