"""Faults of a portal: each turns a good response into what the client gets instead."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from observatory.simulator.servers.faults.damage import format_of

Fault = Callable[[Response], Response]
Faults = Iterable[Fault | None] | Callable[[Request], Fault | None]
"""Planted faults: one entry per request in order (None = no fault, also once they are used up), or a function."""

FIELDS_HEADER = "X-SODA2-Fields"


def too_many_requests(retry_after_s: int = 1) -> Fault:
    """429 with ``Retry-After``: the rate limit for clients without a token."""
    return lambda _: JSONResponse(
        {"code": "throttled", "error": True, "message": "Too many requests"},
        status_code=429,
        headers={"Retry-After": str(retry_after_s)},
    )


def server_error(status: int = 500) -> Fault:
    """A 5xx response, as JSON."""
    return lambda _: JSONResponse(
        {"code": "internal-error", "error": True, "message": "Internal error"}, status_code=status
    )


def slow(seconds: float) -> Fault:
    """The good response, delayed."""
    return lambda good: _Late(good.body, status_code=good.status_code, headers=_headers(good), seconds=seconds)


def truncated(share: float = 0.5) -> Fault:
    """A complete HTTP response with a truncated body."""
    return lambda good: Response(_part(good, share), headers=_headers(good))


def html() -> Fault:
    """A maintenance page with status 200."""
    return lambda _: HTMLResponse("<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>")


def renamed(column: str, new_name: str) -> Fault:
    """The good rows with one column renamed."""
    return lambda good: _changed(good, column, new_name)


def without(column: str) -> Fault:
    """The good rows without one column."""
    return lambda good: _changed(good, column, None)


def empty() -> Fault:
    """The protocol's response without rows."""
    return lambda good: Response(format_of(bytes(good.body)).empty(bytes(good.body)), headers=_headers(good))


def hung_up(share: float = 0.5) -> Fault:
    """The connection closes in the middle of the body."""
    return lambda good: _Unfinished(_part(good, share), headers=dict(good.headers))


def fault_of(faults: Faults) -> Callable[[Request], Fault | None]:
    """The fault of a request: the next in turn, or as the function decides."""
    if callable(faults):
        return faults
    remaining = iter(faults)
    return lambda _: next(remaining, None)


def _changed(good: Response, column: str, new_name: str | None) -> Response:
    body = bytes(good.body)
    names = [new_name if field == column else field for field in _fields(good)]
    return Response(
        format_of(body).change(body, column, new_name) if body else body,
        headers=_headers(good, [name for name in names if name is not None]),
    )


def _part(good: Response, share: float) -> bytes:
    return bytes(good.body)[: int(len(good.body) * share)]


def _fields(good: Response) -> list[str]:
    return list(json.loads(good.headers.get(FIELDS_HEADER, "[]")))


def _headers(good: Response, fields: list[str] | None = None) -> dict[str, str]:
    """The good response's headers without its length, with other column names if given."""
    headers = {name: value for name, value in good.headers.items() if name != "content-length"}
    return headers if fields is None else {**headers, FIELDS_HEADER.lower(): json.dumps(fields)}


class _Late(Response):
    def __init__(self, body: bytes | memoryview, *, status_code: int, headers: dict[str, str], seconds: float) -> None:
        super().__init__(body, status_code, headers)
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(self.seconds)
        await super().__call__(scope, receive, send)


class _Unfinished(Response):
    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Announce the full length but send a part, so that the server must close the connection."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
