"""A server on this machine that sends the responses and faults that a test defines."""

from __future__ import annotations

import atexit
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from observatory.feeds.http.client import Patience
from observatory.simulator.servers.faults import catalogue
from observatory.simulator.servers.serving import running

IMPATIENT = Patience(attempts=3, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class ReceivedRequest:
    """A received request; ``params`` are all of its parameters, ``query`` the first of each name."""

    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    params: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, name: str) -> str:
        return self.query[name]


Answering = Callable[[ReceivedRequest], Answer | Response]


def in_json(content: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(content).encode()


def in_bytes(body: bytes, status: int = 200, **headers: str) -> Answer:
    return status, headers, body


def at(**answers: Answer | Answering) -> Answering:
    """An answer per path, by its last part without its suffix; 404 elsewhere."""

    def answer(asked: ReceivedRequest) -> Answer:
        found = answers.get(asked.path.rpartition("/")[2].partition(".")[0], in_json({"message": "not here"}, 404))
        return found(asked) if callable(found) else found

    return answer


def first(*answers: Answer, then: Answering) -> Answering:
    """These answers in turn, then those of ``then``."""
    remaining = list(answers)
    return lambda asked: remaining.pop(0) if remaining else then(asked)


def page_of_html() -> Answer:
    return 200, {"Content-Type": "text/html"}, b"<!doctype html>\n<html><h1>Maintenance</h1></html>"


def hung_up(body: bytes) -> Answer:
    """The connection closes in the middle of the body."""
    return 200, {"Content-Length": str(len(body))}, body[: len(body) // 2]


class Server:
    """One server for many tests, because starting one takes time; the current test defines its responses."""

    def __init__(self) -> None:
        self.answer: Answering = lambda _: in_json({}, 404)
        self.fault_for: Callable[[Request], catalogue.Fault | None] = lambda _: None
        self.asked: list[ReceivedRequest] = []

    async def respond(self, request: Request) -> Response:
        query = dict(reversed(request.query_params.multi_items()))
        asked = ReceivedRequest(
            request.url.path, query, request.headers, await request.body(), tuple(request.query_params.multi_items())
        )
        self.asked.append(asked)
        fault = self.fault_for(request)
        sent = await run_in_threadpool(self.answer, asked)
        good = sent if isinstance(sent, Response) else Response(sent[2], sent[0], sent[1])
        if int(good.headers["content-length"]) > len(good.body):
            return catalogue.hung_up(1)(good)
        return fault(good) if fault else good


_free: list[tuple[str, Server]] = []
_running = ExitStack()
atexit.register(_running.close)


@contextmanager
def serving(answer: Answering, planted: catalogue.Faults = ()) -> Iterator[tuple[str, list[ReceivedRequest]]]:
    """Yields the server's address and the received requests in order; faults are planted as in a portal."""
    if not _free:
        started = Server()
        app = Starlette(routes=[Route("/{path:path}", started.respond, methods=["GET", "POST"])])
        _free.append((_running.enter_context(running(app)), started))
    address, server = _free.pop()
    server.answer, server.fault_for, server.asked = answer, catalogue.fault_of(planted), []
    try:
        yield address, server.asked
    finally:
        _free.append((address, server))
