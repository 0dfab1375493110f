"""A calendar (RFC 5545) at a web address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer, Row

_LONGEST_LINE = 75


def icalendar(events: Callable[[], list[Row]], name: str) -> Answer:
    """A calendar of events at any path that ends in ``.ics``; lines are folded as the standard asks.

    Args:
        events: property to value, texts or moments; a moment in UTC is written with ``Z``.
        name: the calendar's name.
    """

    def answer(path: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        if not path.endswith(".ics"):
            return JSONResponse({"message": "Not found"}, status_code=404)
        lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:-//{name}//FR", f"X-WR-CALNAME:{name}"]
        for event in events():
            lines += ["BEGIN:VEVENT", *(f"{key}:{_written(value)}" for key, value in event.items()), "END:VEVENT"]
        text = "".join(f"{_folded(line)}\r\n" for line in [*lines, "END:VCALENDAR"])
        return Response(text.encode(), media_type="text/calendar; charset=utf-8")

    return answer


def _written(value: Any) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y%m%dT%H%M%SZ")
    return str(value).replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")


def _folded(line: str) -> str:
    """A line of more than 75 characters goes on in the next one, after a blank."""
    step = _LONGEST_LINE - 1
    return "\r\n ".join(line[at : at + step] for at in range(0, len(line), step))
