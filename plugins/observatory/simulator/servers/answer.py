"""The form of every server: a function of path, query and headers; ``app`` makes an HTTP server of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from observatory.simulator.servers.faults.catalogue import Fault, Faults, fault_of

Row = dict[str, Any]
Answer = Callable[[str, QueryParams, Mapping[str, str]], Any]
"""From path, query and headers to the content (as JSON) or a response."""


def app(answer: Answer, faults: Faults = ()) -> Starlette:
    """An HTTP server of an answer, with faults as in the portal."""
    fault_for = fault_of(faults)

    async def respond(request: Request) -> Response:
        sent = await run_in_threadpool(answer, request.url.path, request.query_params, request.headers)
        good = sent if isinstance(sent, Response) else JSONResponse(sent)
        fault: Fault | None = fault_for(request)
        return fault(good) if fault else good

    return Starlette(routes=[Route("/{path:path}", respond)])
