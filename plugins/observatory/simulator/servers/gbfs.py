"""Shared vehicles at stations (GBFS 2.3): list of feeds, stations, and their current state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse

from observatory.simulator.servers.answer import Answer, Row

FEEDS = ("system_information", "station_information", "station_status")
_VERSION = "2.3"
_TTL_S = 60


def gbfs(
    information: Callable[[], list[Row]],
    status: Callable[[], list[Row]],
    now: Callable[[], datetime],
    *,
    prefix: str,
    name: str,
    language: str = "fr",
) -> Answer:
    """A system of stations; its ``gbfs.json`` lists the other feeds below the address of the request.

    Args:
        information: description of each station.
        status: current state of each station.
        now: returns the current moment.
        prefix: first part of the path of this system.
        name: name of the system.
        language: its only language.
    """

    def answer(path: str, _query: QueryParams, headers: Mapping[str, str]) -> Any:
        asked = path.strip("/").removesuffix(".json")
        base = f"http://{headers.get('host', 'localhost')}/{prefix}"
        data: dict[str, Callable[[], Any]] = {
            "gbfs": lambda: {language: {"feeds": [{"name": each, "url": f"{base}/{each}.json"} for each in FEEDS]}},
            "system_information": lambda: {"system_id": prefix, "language": language, "name": name},
            "station_information": lambda: {"stations": information()},
            "station_status": lambda: {"stations": status()},
        }
        if asked not in data:
            return JSONResponse({"message": "Not found"}, status_code=404)
        about = {"last_updated": int(now().timestamp()), "ttl": _TTL_S, "version": _VERSION}
        return {**about, "data": data[asked]()}

    return answer
