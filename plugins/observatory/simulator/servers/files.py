"""Tables published as files: CSV, XLSX, Parquet, GeoJSON, lines of JSON."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer

Table = Callable[[str], pl.DataFrame | None]
"""From the path below the feed's prefix to the table published there, or None. A table that is the same object as at
the last request is not encoded again."""


def csv(table: Table, separator: str = ",", encoding: str = "utf-8", *, line_end: str = "\n") -> Answer:
    """Delimited files; numbers as polars writes them, so decimal commas must be text in the table."""

    def written(frame: pl.DataFrame) -> bytes:
        text = frame.write_csv(separator=separator, line_terminator=line_end)
        return text.encode(encoding)

    return _published(table, written, f"text/csv; charset={encoding}")


def xlsx(table: Table, sheet: str = "Feuil1", above: tuple[str, ...] = ()) -> Answer:
    """Workbooks of one sheet.

    Args:
        table: the published table.
        sheet: name of the sheet.
        above: lines above the header.
    """

    def written(frame: pl.DataFrame) -> bytes:
        import xlsxwriter

        out = io.BytesIO()
        with xlsxwriter.Workbook(out, {"in_memory": True, "remove_timezone": True}) as book:
            page = book.add_worksheet(sheet)
            for row, line in enumerate(above):
                page.write_string(row, 0, line)
            frame.write_excel(book, page, position=(len(above), 0))
        return out.getvalue()

    return _published(table, written, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def parquet(table: Table) -> Answer:
    """Parquet files."""

    def written(frame: pl.DataFrame) -> bytes:
        out = io.BytesIO()
        frame.write_parquet(out)
        return out.getvalue()

    return _published(table, written, "application/vnd.apache.parquet")


def jsonl(table: Table) -> Answer:
    """Lines of JSON."""
    return _published(table, lambda frame: frame.write_ndjson().encode(), "application/x-ndjson")


def geojson(table: Table, longitude: str = "longitude", latitude: str = "latitude") -> Answer:
    """Points; all columns except the coordinates are properties."""

    def written(frame: pl.DataFrame) -> bytes:
        features = [
            {
                "type": "Feature",
                "properties": {name: value for name, value in row.items() if name not in (longitude, latitude)},
                "geometry": {"type": "Point", "coordinates": [row[longitude], row[latitude]]},
            }
            for row in frame.to_dicts()
        ]
        return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()

    return _published(table, written, "application/geo+json")


def _published(table: Table, written: Callable[[pl.DataFrame], bytes], media_type: str) -> Answer:
    last: dict[str, tuple[pl.DataFrame, bytes]] = {}

    def answer(path: str, _query: QueryParams, _headers: Mapping[str, str]) -> Any:
        frame = table(path)
        if frame is None:
            return JSONResponse({"message": "Not found"}, status_code=404)
        kept = last.get(path)
        if kept is None or kept[0] is not frame:
            last.clear()  # keep one table only, to bound the memory
            kept = last[path] = frame, written(frame)
        return Response(kept[1], media_type=media_type)

    return answer
