"""A timetable (GTFS): a zip of tables at one path."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer

Tables = Mapping[str, pl.DataFrame]
"""Name of a table, as ``stop_times``, to its rows, written unchanged."""


def gtfs(tables: Callable[[], Tables], path: str) -> Answer:
    """The archive at a path; tables that are the same object as at the last request are not compressed again."""
    last: list[tuple[Tables, bytes]] = []

    def answer(asked: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        if asked != path:
            return JSONResponse({"message": "Not found"}, status_code=404)
        current = tables()
        if not last or last[0][0] is not current:
            last[:] = [(current, archive(current))]
        return Response(last[0][1], media_type="application/zip")

    return answer


def archive(tables: Tables) -> bytes:
    """The zip of the tables, the same bytes for the same rows."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, table in tables.items():
            packed.writestr(zipfile.ZipInfo(f"{name}.txt"), table.write_csv().encode(), zipfile.ZIP_DEFLATED, 1)
    return out.getvalue()


def clock(second: str) -> pl.Expr:
    """Seconds of the service day as ``25:10:00``."""
    whole = pl.col(second)
    parts = (whole // 3600, whole // 60 % 60, whole % 60)
    return pl.concat_str([part.cast(pl.String).str.zfill(2) for part in parts], separator=":")
