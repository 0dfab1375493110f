"""What every server of a protocol is: a function of path, query and headers; ``app`` makes a server of one."""

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
"""From path, query and headers to what is sent: JSON, or a response."""


def app(answer: Answer, faults: Faults = ()) -> Starlette:
    """A server of an answer; faults are planted as in the portal."""
    fault_for = fault_of(faults)

    async def respond(request: Request) -> Response:
        sent = await run_in_threadpool(answer, request.url.path, request.query_params, request.headers)
        good = sent if isinstance(sent, Response) else JSONResponse(sent)
        fault: Fault | None = fault_for(request)
        return fault(good) if fault else good

    return Starlette(routes=[Route("/{path:path}", respond)])
