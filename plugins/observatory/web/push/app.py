"""The push API: ``POST /observatory/push/{territory}/{feed}`` stores a file in the feed's inbox.

A request needs the feed's token; without it the response is always the same, whether or not the feed exists. The
response is 202 once the complete file is on the disk; the feed's next run loads it, and ``GET …/{delivery}`` returns
its state. Neither responses nor logs contain any of a file's content.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from observatory.errors import ConventionNotLive
from observatory.ingest import deliveries as inbox
from observatory.settings import push_limit_bytes
from observatory.territory.terms import require_live_terms
from observatory.web.push.receive import DELIVERY, Incoming, waiting_bytes
from observatory.web.push.tokens import opened_feed

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings
    from observatory.territory.sources import FileSource

log = logging.getLogger(__name__)
PREFIX = "/observatory/push"
WRITTEN_AT_ONCE_BYTES = 1_000_000
MOST_DISCARDED_BYTES = 1_000_000
"""How much of a refused request's body is read, so that the client receives the response."""
_BLOCKED = (
    "Nothing of it was loaded. Send a corrected file, and ask the operator of the observatory to remove this one: "
    "files that were sent later wait for it."
)
Served = Callable[[Request, "PushEndpoint"], Awaitable[Response]]


class PushEndpoint:
    """A feed for which a request has shown the token."""

    def __init__(self, territory: Territory, feed: FeedSettings) -> None:
        self.territory, self.feed = territory, feed
        self.subject = f"{territory.code}/{feed.feed_id}"
        self.source = cast("FileSource", feed.source)

    def folder(self) -> Path:
        """The inbox."""
        return inbox.made(self.source)

    def known(self, sha256: str) -> str | None:
        """The delivery with this hash that was loaded already, if any."""
        from observatory.warehouse import deliveries

        names = deliveries.names_with(self._warehouse(), self.territory.code, self.feed.feed_id, sha256)
        found = (name.partition(".")[0] for name in names)
        return next((each for each in found if DELIVERY.fullmatch(each)), None)

    def status(self, delivery: str, sha256: str) -> dict[str, Any] | None:
        """The state of a delivery; None if there is no such delivery."""
        from observatory.warehouse import deliveries

        # the folder before the warehouse: a file is deleted from the folder only after it is in the warehouse
        waits = waiting_bytes(self.folder(), delivery)
        size: dict[str, Any] = {} if waits is None else {"bytes": waits}
        found = deliveries.status(self._warehouse(), self.territory.code, self.feed.feed_id, delivery, sha256)
        if found is None:
            return {"delivery": delivery, "sha256": sha256, **size, "state": "waiting"} if size else None
        if "refused" in found:
            problem, expected = found.pop("refused")
            found["reason"] = _parts(f"{self.subject}, {delivery}", problem, expected, _BLOCKED)
        return {"delivery": delivery, "sha256": sha256, **size, **found}

    def _warehouse(self) -> Any:
        from observatory.warehouse.connection import role_url

        return role_url("reader")


def app() -> Starlette:
    """The application that Airflow's API server mounts at ``PREFIX``."""
    mounted = Starlette(
        routes=[
            Route("/{territory}/{feed}", _opened(_receive), methods=["POST"]),
            Route("/{territory}/{feed}/{delivery}", _opened(_show_status), methods=["GET"]),
        ],
        exception_handlers={404: _nothing_here, 405: _nothing_here},
    )
    mounted.router.redirect_slashes = False
    return mounted


def _opened(serve: Served) -> Callable[[Request], Awaitable[Response]]:
    """Serve requests with the feed's token; all others get the same response."""

    @wraps(serve)
    async def served(request: Request) -> Response:
        import psycopg

        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        named = request.path_params["territory"], request.path_params["feed"]
        found = await run_in_threadpool(opened_feed, *named, token.strip() if scheme.lower() == "bearer" else "")
        if found is None:
            await _discard_body(request)
            return _unknown()
        try:
            return await serve(request, PushEndpoint(*found))
        except ClientDisconnect:
            return Response(status_code=400)  # the client has disconnected
        except psycopg.Error as error:
            log.warning("%s/%s: the warehouse does not respond (%s)", *named, type(error).__name__)
            problem, expected = "the warehouse does not respond", "a running warehouse"
        except OSError as error:
            log.warning("%s/%s: the inbox cannot be written (%s)", *named, error)
            problem, expected = "the file cannot be stored", "an inbox that can be written"
        return _refused(503, PREFIX, problem, expected, "Nothing was kept. Send it again later.")

    return served


async def _receive(request: Request, endpoint: PushEndpoint) -> Response:
    limit = push_limit_bytes()
    try:
        require_live_terms(endpoint.feed, datetime.now(ZoneInfo(endpoint.territory.timezone)).date())
    except ConventionNotLive as error:
        await _discard_body(request)
        return _refused(403, error.subject, error.found, error.expected, error.action)
    too_large = partial(
        _refused,
        413,
        endpoint.subject,
        f"more than {limit} bytes",
        f"a file of at most {limit} bytes",
        "Nothing was kept. Compress it (gzip), or split it into several files.",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        await _discard_body(request)
        return too_large()
    incoming = await run_in_threadpool(lambda: Incoming(endpoint.folder()))
    try:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if incoming.byte_count + len(waiting) > limit:
                await _discard_body(request)
                return too_large()
            if len(waiting) >= WRITTEN_AT_ONCE_BYTES:
                await run_in_threadpool(incoming.write, bytes(waiting))
                waiting.clear()
        await run_in_threadpool(incoming.write, bytes(waiting))
        if not incoming.byte_count:
            action = "Nothing was kept. Send the file as the body."
            return _refused(400, endpoint.subject, "an empty body", "a file", action)
        delivery = await run_in_threadpool(incoming.keep, endpoint.source.path.removeprefix("*"), endpoint.known)
    finally:
        await run_in_threadpool(incoming.close)
    status = await run_in_threadpool(endpoint.status, delivery, incoming.sha256)
    state = status["state"] if status else "waiting"
    log.info("%s: delivery %s of %d bytes is %s", endpoint.subject, delivery, incoming.byte_count, state)
    accepted = {"delivery": delivery, "sha256": incoming.sha256, "bytes": incoming.byte_count, "state": state}
    return JSONResponse(accepted, status_code=202)


async def _show_status(request: Request, endpoint: PushEndpoint) -> Response:
    delivery = request.path_params["delivery"]
    named = DELIVERY.fullmatch(delivery)
    found = await run_in_threadpool(endpoint.status, delivery, named.group(1)) if named else None
    if found is None:
        return _refused(
            404,
            endpoint.subject,
            "no such delivery",
            "a delivery that was sent to this feed",
            "Use `delivery` from the response to the push.",
        )
    return JSONResponse(found)


def _unknown() -> Response:
    response = _refused(
        401,
        PREFIX,
        "no valid token for this feed",
        "the header Authorization: Bearer with the token of a feed that accepts deliveries",
        "Check the address and the token with the operator of the observatory.",
    )
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _nothing_here(_request: Request, _error: Exception) -> Response:
    return _refused(
        404,
        PREFIX,
        "no such address",
        f"POST {PREFIX}/<territory>/<feed>, or GET {PREFIX}/<territory>/<feed>/<delivery>",
        "Correct the address.",
    )


def _refused(status: int, subject: str, found: str, expected: str, action: str) -> JSONResponse:
    return JSONResponse(_parts(subject, found, expected, action), status_code=status)


def _parts(subject: str, found: str, expected: str, action: str) -> dict[str, str]:
    return {"subject": subject, "found": found, "expected": expected, "action": action}


async def _discard_body(request: Request) -> None:
    """Read the rest of a refused request's body, up to a limit."""
    discarded = 0
    try:
        async for chunk in request.stream():
            discarded += len(chunk)
            if discarded > MOST_DISCARDED_BYTES:
                return
    except (ClientDisconnect, RuntimeError):
        return
