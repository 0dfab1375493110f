"""A dataset of an Opendatasoft portal (Explore API 2.1): pages of records, and an export of them all."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.servers.answer import Answer, Row

Frames = Callable[[datetime | None, datetime | None], pl.DataFrame]
"""From the earliest and the latest moment in a query (UTC; None where it has none) to at least the rows between them.

While it returns the same frame, the filtered and sorted rows of the last request are used again.
"""

_MAX_PAGE = 100
_ISO = "%Y-%m-%dT%H:%M:%S+00:00"
_SLICE_ROWS = 100_000
"""Rows converted to text at a time, so that a month of traffic is not held in memory a second time as text."""
_EDGE = re.compile(r"(\w+) (>=|<) date'([^']+)'")
_LISTED = re.compile(r"(\w+) in \(([^)]*)\)")


def opendatasoft(rows: Frames | Sequence[Row], types: Mapping[str, str], max_offset: int = 10_000) -> Answer:
    """A dataset: at most 100 rows a page, none beyond ``max_offset``, all of them in an export.

    Args:
        rows: all rows, or a function to the rows of an interval, with the columns of ``types``. Moments in UTC are sent
            with their offset; text that begins with a date or a local time is compared as it is written.
        types: column to its type on the portal.
        max_offset: rows beyond which no page is sent.
    """
    frames = rows if callable(rows) else _constant(rows, types)
    last: list[tuple[str, str, pl.DataFrame, pl.DataFrame]] = []
    requests = count()

    def found(condition: str, order: str) -> pl.DataFrame:
        edges = {operator: _moment(edge) for _, operator, edge in _EDGE.findall(condition)}
        frame = frames(edges.get(">="), edges.get("<"))
        if last and last[0][:2] == (condition, order) and last[0][2] is frame:
            return last[0][3]
        names = re.findall(r"\w+", order)
        matching = frame.filter(_condition(condition, frame.schema))
        matching = matching.sort(names, nulls_last=True, maintain_order=True) if names else matching
        last[:] = [(condition, order, frame, matching)]
        return matching

    def answer(path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        if not path.endswith(("/records", "/exports/jsonl")):
            return {"dataset_id": "x", "fields": [{"name": name, "type": kind} for name, kind in types.items()]}
        selected = re.findall(r"\w+", query.get("select", "")) or list(types)
        order = query.get("order_by", "")
        if unknown := {*selected, *re.findall(r"\w+", order)} - set(types):
            return _refusal(f"Unknown field: {unknown.pop()}")
        matching = found(query.get("where", ""), order)
        if path.endswith("/exports/jsonl"):
            lines = io.BytesIO()
            for part in matching.iter_slices(_SLICE_ROWS):
                _sent(part, selected).write_ndjson(lines)
            return Response(lines.getbuffer(), media_type="application/json")
        limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
        if limit > _MAX_PAGE or offset + limit > max_offset:
            return _refusal("Invalid value for limit or offset")
        # real portals promise no order unless one is requested: begin at another row each time
        turn = 0 if order else next(requests) % max(matching.height, 1)
        page = pl.concat([matching.slice(turn), matching.head(turn)]).slice(offset, limit)
        return {"total_count": matching.height, "results": _sent(page, selected).to_dicts()}

    return answer


def _constant(rows: Sequence[Row], names: Iterable[str]) -> Frames:
    without_rows = pl.DataFrame(schema=dict.fromkeys(names, pl.String))
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else without_rows
    return lambda _start, _end: frame


def _condition(condition: str, schema: pl.Schema) -> pl.Expr:
    """Whether a row meets every part of a condition: ``>=`` and ``<`` of a moment, and ``in`` a list of texts."""
    parts = [pl.lit(value=True)]
    for name, operator, edge in _EDGE.findall(condition):
        value, limit = pl.col(name), _moment(edge)
        if schema[name] == pl.String:
            value, limit = _as_written(value), datetime.fromisoformat(edge).replace(tzinfo=None)
        parts.append(value >= limit if operator == ">=" else value < limit)
    for name, listed in _LISTED.findall(condition):
        parts.append(pl.col(name).is_in(re.findall(r'"([^"]*)"', listed)))
    return pl.all_horizontal(parts)


def _as_written(text: pl.Expr) -> pl.Expr:
    """Text of a day or a time as a local time; its offset is ignored."""
    time = text.str.slice(0, 19)
    forms = ("%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
    return pl.coalesce(time.str.to_datetime(form, strict=False, time_unit="us") for form in forms)


def _moment(edge: str) -> datetime:
    """A moment as a condition writes it, in UTC; without an offset it is in UTC already."""
    moment = datetime.fromisoformat(edge)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sent(rows: pl.DataFrame, selected: list[str]) -> pl.DataFrame:
    return rows.select(selected).with_columns(pl.col(pl.Datetime).dt.strftime(_ISO))


def _refusal(message: str) -> Response:
    return JSONResponse({"error_code": "ODSQLError", "message": message}, status_code=400)
