"""Partners that send: ``POST /observatory/push/{territory}/{feed}`` puts a file into the feed's inbox.

Who shows the feed's token is let in; everybody else gets the same answer, whatever there is. A file is answered for
(202) once it is whole on the disk; the feed's next run loads it, and ``GET …/{delivery}`` tells what became of it.
Neither answers nor logs have anything of a file's content.
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
MOST_PASSED_OVER_BYTES = 1_000_000
"""How much of a body that is refused is read all the same, so that its sender hears why."""
_BLOCKED = (
    "Nothing of it was loaded. Send it again, corrected; whoever runs the observatory has to take this one away, since "
    "those sent after it wait behind it."
)
Served = Callable[[Request, "PushEndpoint"], Awaitable[Response]]


class PushEndpoint:
    """A feed that was opened with its token."""

    def __init__(self, territory: Territory, feed: FeedSettings) -> None:
        self.territory, self.feed = territory, feed
        self.subject = f"{territory.code}/{feed.feed_id}"
        self.source = cast("FileSource", feed.source)

    def folder(self) -> Path:
        """The inbox."""
        return inbox.made(self.source)

    def known(self, sha256: str) -> str | None:
        """The delivery with this hash that was loaded before."""
        from observatory.warehouse import deliveries

        names = deliveries.names_with(self._warehouse(), self.territory.code, self.feed.feed_id, sha256)
        found = (name.partition(".")[0] for name in names)
        return next((each for each in found if DELIVERY.fullmatch(each)), None)

    def status(self, delivery: str, sha256: str) -> dict[str, Any] | None:
        """What became of a delivery; None where there is none."""
        from observatory.warehouse import deliveries

        # first the folder, then the warehouse: a file leaves the one only after it is in the other
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
            Route("/{territory}/{feed}/{delivery}", _opened(_tell), methods=["GET"]),
        ],
        exception_handlers={404: _nothing_here, 405: _nothing_here},
    )
    mounted.router.redirect_slashes = False
    return mounted


def _opened(serve: Served) -> Callable[[Request], Awaitable[Response]]:
    """Serve those who show the feed's token, and tell all others the same."""

    @wraps(serve)
    async def served(request: Request) -> Response:
        import psycopg

        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        named = request.path_params["territory"], request.path_params["feed"]
        found = await run_in_threadpool(opened_feed, *named, token.strip() if scheme.lower() == "bearer" else "")
        if found is None:
            await _pass_over(request)
            return _unknown()
        try:
            return await serve(request, PushEndpoint(*found))
        except ClientDisconnect:
            return Response(status_code=400)  # the client has disconnected
        except psycopg.Error as error:
            log.warning("%s/%s: the warehouse does not answer (%s)", *named, type(error).__name__)
            problem, expected = "the warehouse does not answer", "a running warehouse"
        except OSError as error:
            log.warning("%s/%s: the inbox cannot be written (%s)", *named, error)
            problem, expected = "the file cannot be kept", "an inbox that can be written"
        return _refused(503, PREFIX, problem, expected, "Nothing was kept. Send it again later.")

    return served


async def _receive(request: Request, endpoint: PushEndpoint) -> Response:
    limit = push_limit_bytes()
    try:
        require_live_terms(endpoint.feed, datetime.now(ZoneInfo(endpoint.territory.timezone)).date())
    except ConventionNotLive as error:
        await _pass_over(request)
        return _refused(403, error.subject, error.found, error.expected, error.action)
    too_large = partial(
        _refused,
        413,
        endpoint.subject,
        f"more than {limit} bytes",
        f"a file of at most {limit} bytes",
        "Nothing was kept. Pack it (gzip), or send it in parts, each a file of its own.",
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limit:
        await _pass_over(request)
        return too_large()
    incoming = await run_in_threadpool(lambda: Incoming(endpoint.folder()))
    try:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if incoming.byte_count + len(waiting) > limit:
                await _pass_over(request)
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
    answer = {"delivery": delivery, "sha256": incoming.sha256, "bytes": incoming.byte_count, "state": state}
    return JSONResponse(answer, status_code=202)


async def _tell(request: Request, endpoint: PushEndpoint) -> Response:
    delivery = request.path_params["delivery"]
    named = DELIVERY.fullmatch(delivery)
    found = await run_in_threadpool(endpoint.status, delivery, named.group(1)) if named else None
    if found is None:
        return _refused(
            404,
            endpoint.subject,
            "no such delivery",
            "one that this feed was sent",
            "Take `delivery` from the answer to the push.",
        )
    return JSONResponse(found)


def _unknown() -> Response:
    answer = _refused(
        401,
        PREFIX,
        "no token that opens this feed",
        "Authorization: Bearer, and the token of a feed that takes what it is sent",
        "Check the address and the token with whoever runs the observatory.",
    )
    answer.headers["WWW-Authenticate"] = "Bearer"
    return answer


def _nothing_here(_request: Request, _error: Exception) -> Response:
    return _refused(
        404,
        PREFIX,
        "nothing is here",
        f"POST {PREFIX}/<territory>/<feed>, or GET {PREFIX}/<territory>/<feed>/<delivery>",
        "Correct the address.",
    )


def _refused(status: int, subject: str, found: str, expected: str, action: str) -> JSONResponse:
    return JSONResponse(_parts(subject, found, expected, action), status_code=status)


def _parts(subject: str, found: str, expected: str, action: str) -> dict[str, str]:
    return {"subject": subject, "found": found, "expected": expected, "action": action}


async def _pass_over(request: Request) -> None:
    """Read the rest of a body that is refused, as far as is polite."""
    passed = 0
    try:
        async for chunk in request.stream():
            passed += len(chunk)
            if passed > MOST_PASSED_OVER_BYTES:
                return
    except (ClientDisconnect, RuntimeError):
        return
