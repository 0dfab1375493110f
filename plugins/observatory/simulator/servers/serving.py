"""Serving a portal: until interrupted, or in a thread of this process."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from observatory.errors import StackError

DEFAULT_PORT = 8790


def serve(app: Starlette, port: int = DEFAULT_PORT, host: str = "127.0.0.1") -> None:
    """Serve until interrupted.

    Raises:
        StackError: the port is taken.
    """
    with _listening(host, port) as listener, suppress(KeyboardInterrupt):
        _server(app).run(sockets=[listener])


@contextmanager
def running(app: Starlette, port: int = 0) -> Iterator[str]:
    """Serve in a thread of this process; yields the address, ``http://127.0.0.1:<port>`` (0 picks a free port)."""
    with _listening("127.0.0.1", port) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def _server(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=2))


def _listening(host: str, port: int) -> socket.socket:
    listener = socket.socket()
    # a portal that is restarted must not wait until the old connections time out
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise StackError(
            f"portal at {host}:{port}",
            found=f"the address cannot be used ({error.strerror})",
            expected="a free port",
            action="Stop the process that listens there, or choose another port with --port.",
        ) from error
    return listener
