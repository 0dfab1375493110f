"""A server on this machine that answers whatever a test tells it to, faults included."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from observatory.feeds.http import Patience

IMPATIENT = Patience(attempts=3, backoff_s=0.01, longest_wait_s=0.05, timeout_s=2)

Answer = tuple[int, dict[str, str], bytes]


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __getitem__(self, name: str) -> str:
        return self.query[name]


Answering = Callable[[Asked], Answer]


def in_json(content: object, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, {"Content-Type": "application/json", **named}, json.dumps(content).encode()


def in_bytes(body: bytes, status: int = 200, **headers: str) -> Answer:
    return status, headers, body


def at(**answers: Answer | Answering) -> Answering:
    """An answer per path, by its last part without its suffix; 404 elsewhere."""

    def answer(asked: Asked) -> Answer:
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


@contextmanager
def serving(answer: Answering) -> Iterator[tuple[str, list[Asked]]]:
    """Yields the server's address and the requests that came, in their order."""
    came: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(url.path, query, dict(self.headers), body)
            came.append(asked)
            status, headers, sent = answer(asked)
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(sent))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
