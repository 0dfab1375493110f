"""Opendatasoft's portal over tables that are too large for one row at a time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

import polars as pl
from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse, Response

from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.answer import Answer

Frames = Callable[[datetime | None, datetime | None], pl.DataFrame]
"""From the earliest and the latest moment that a query names (UTC; None where it names none) to the rows between, at
least. Where it gives the same frame again, the work of the last request is used again."""

_ISO = "%Y-%m-%dT%H:%M:%S+00:00"
_ONE_DAY = timedelta(days=1)
_SLICE_ROWS = 100_000
"""Rows written at a time, so that a month in memory is not there as text twice."""
_EDGE = re.compile(r"(\w+) (>=|<) date'([^']+)'")
_LISTED = re.compile(r"(\w+) in \(([^)]*)\)")


def occurring_between(ledger: Ledger, kind: str, made: Callable[[pl.DataFrame], pl.DataFrame]) -> Frames:
    """The ledger's records of a kind with times; where no beginning is asked for, of one day, since all are too many.

    Args:
        ledger: what is listed.
        kind: name of the contract.
        made: what the server makes of the records (contract's names, UTC, degrees); times stay moments.
    """

    @lru_cache(maxsize=1)
    def frame(start: datetime | None, end: datetime | None, now: datetime) -> pl.DataFrame:
        last = end or now
        return made(ledger.listed(kind, start or last - _ONE_DAY, last))

    return lambda start, end: frame(start, end, ledger.now)


def opendatasoft_frame(frames: Frames, types: Mapping[str, str], most_paged: int = 10_000) -> Answer:
    """A dataset: at most 100 rows a page, none beyond ``most_paged``, all of them as an export.

    Args:
        frames: the rows, with the columns of ``types``; moments in UTC are written with their offset.
        types: column to its type on the portal.
        most_paged: rows beyond which no page is answered.
    """
    last: list[tuple[str, str, pl.DataFrame, pl.DataFrame]] = []
    requests = count()

    def found(condition: str, order: str) -> pl.DataFrame:
        edges = {operator: _moment(edge) for _, operator, edge in _EDGE.findall(condition)}
        frame = frames(edges.get(">="), edges.get("<"))
        if last and last[0][:2] == (condition, order) and last[0][2] is frame:
            return last[0][3]
        names = re.findall(r"\w+", order)
        rows = frame.filter(_holds(condition))
        rows = rows.sort(names, nulls_last=True, maintain_order=True) if names else rows
        last[:] = [(condition, order, frame, rows)]
        return rows

    def answer(path: str, query: QueryParams, _: Mapping[str, str]) -> Any:
        if not path.endswith(("/records", "/exports/jsonl")):
            return {"dataset_id": "x", "fields": [{"name": name, "type": kind} for name, kind in types.items()]}
        selected = re.findall(r"\w+", query.get("select", "")) or list(types)
        order = query.get("order_by", "")
        if unknown := {*selected, *re.findall(r"\w+", order)} - set(types):
            return _refusal(f"Unknown field: {unknown.pop()}")
        rows = found(query.get("where", ""), order)
        if path.endswith("/exports/jsonl"):
            lines = io.BytesIO()
            for part in rows.iter_slices(_SLICE_ROWS):
                _written(part, selected).write_ndjson(lines)
            return Response(lines.getbuffer(), media_type="application/json")
        limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
        if limit > 100 or offset + limit > most_paged:
            return _refusal("Invalid value for limit or offset")
        # no order is promised to who asks for none
        turn = 0 if order else next(requests) % max(rows.height, 1)
        page = pl.concat([rows.slice(turn), rows.head(turn)]).slice(offset, limit)
        return {"total_count": rows.height, "results": _written(page, selected).to_dicts()}

    return answer


def _holds(condition: str) -> pl.Expr:
    """Whether a row meets every part of a condition: ``>=`` and ``<`` of a moment, and ``in`` a list of texts."""
    parts = [pl.lit(value=True)]
    for name, operator, edge in _EDGE.findall(condition):
        limit = pl.lit(_moment(edge))
        parts.append(pl.col(name) >= limit if operator == ">=" else pl.col(name) < limit)
    for name, listed in _LISTED.findall(condition):
        parts.append(pl.col(name).is_in(re.findall(r'"([^"]*)"', listed)))
    return pl.all_horizontal(parts)


def _moment(edge: str) -> datetime:
    """A moment as a condition writes it, in UTC; without an offset it is of UTC."""
    moment = datetime.fromisoformat(edge)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _written(rows: pl.DataFrame, selected: list[str]) -> pl.DataFrame:
    return rows.select(selected).with_columns(pl.col(pl.Datetime).dt.strftime(_ISO))


def _refusal(message: str) -> Response:
    return JSONResponse({"error_code": "ODSQLError", "message": message}, status_code=400)
