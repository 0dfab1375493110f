"""A server's rate limit, kept by all processes of this machine together.

One small file per server in the state folder holds the time of the last request and the time until which the server
asked not to be called. A process waits for its turn with the file locked, so others queue behind it; the operating
system releases the lock when a process is killed. Requests are evenly spaced, which keeps the limit in every minute,
whenever it begins.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter

from observatory.settings import state_folder

_MINUTE_S = 60.0
_SINCE_1970 = 1_000_000_000
"""Numbers from here on are seconds since 1970, smaller ones seconds from now; servers send both."""
_LIMITED = (429, 503)
_RATE_LIMITS = ("ratelimit", "x-ratelimit", "x-rate-limit")


@dataclass(frozen=True)
class RateLimit:
    """The rate limit of one server.

    Attributes:
        file: shared by all processes that call the server.
        requests_per_minute: maximum number of requests in any minute.
        longest_wait_s: maximum wait that is granted when the server asks for a pause.
        now, sleep: the clock, seconds since 1970; replaced in tests.
    """

    file: Path
    requests_per_minute: int
    longest_wait_s: float
    now: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep

    @classmethod
    def of(cls, url: str, requests_per_minute: int, longest_wait_s: float) -> RateLimit:
        """The rate limit of the server in a URL."""
        name = re.sub(r"[^\w.-]", "_", urlsplit(url).netloc.rpartition("@")[2].lower())
        return cls(state_folder() / "rate_limit" / name, requests_per_minute, longest_wait_s)

    def wait(self) -> None:
        """Block until the next request may be sent."""
        with self._locked() as handle:
            last, held_until = _read(handle)
            now = self.now()
            # a last request in the future was written before the clock was set back
            turn = min(last, now) + _MINUTE_S / self.requests_per_minute if last else now
            due = max(turn, min(held_until, now + self.longest_wait_s))
            while (left := due - self.now()) > 0:
                self.sleep(left)
            _write(handle, self.now(), held_until)

    def hold(self, seconds: float) -> None:
        """Let no process call the server for this long."""
        with self._locked() as handle:
            last, held_until = _read(handle)
            _write(handle, last, max(held_until, self.now() + seconds))

    @contextmanager
    def _locked(self) -> Iterator[int]:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle
        finally:
            os.close(handle)


class PoliteAdapter(HTTPAdapter):
    """Sends requests, also repeated and redirected ones, no more often than their server allows.

    If a response states in another header when the server may be called again, ``Retry-After`` is added, which the
    client respects. With a rate limit, all processes wait.

    Args:
        requests_per_minute: the server's limit in the territory file; None for no limit.
        longest_wait_s: maximum duration of any wait.
    """

    def __init__(self, requests_per_minute: int | None, longest_wait_s: float) -> None:
        """Keep the limits for ``send``."""
        super().__init__()
        self.requests_per_minute, self.longest_wait_s = requests_per_minute, longest_wait_s

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Wait for the rate limit, send the request, and keep the pause that the response asks for."""
        rate_limit = None
        if self.requests_per_minute:
            rate_limit = RateLimit.of(str(request.url), self.requests_per_minute, self.longest_wait_s)
            rate_limit.wait()
        response = super().send(request, *args, **options)
        wait_s = requested_wait_s(response.status_code, response.headers, time.time())
        if wait_s is not None:
            if response.status_code in _LIMITED:
                response.headers.setdefault("Retry-After", str(ceil(wait_s)))
            if rate_limit:
                rate_limit.hold(wait_s)
        return response


def requested_wait_s(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """The pause that a response asks for, seconds; None if it asks for none.

    Args:
        status: the response's status. 429 and 503 may have ``Retry-After``; any may state that no requests remain.
        headers: the response's headers; ``RateLimit-Reset`` and ``X-RateLimit-Reset`` are seconds from now, seconds
            since 1970 or a date, depending on the server.
        now: seconds since 1970.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    retry_at = lower.get("retry-after") if status in _LIMITED else None
    for name in _RATE_LIMITS:
        is_used_up = status in _LIMITED or lower.get(f"{name}-remaining", "").strip() == "0"
        if retry_at is None and is_used_up:
            retry_at = lower.get(f"{name}-reset")
    until = _moment(retry_at, now) if retry_at else None
    return until - now if until is not None and until > now else None


def _moment(written: str, now: float) -> float | None:
    """Seconds since 1970 from a number of seconds, an HTTP date or an ISO date and time."""
    try:
        number = float(written)
        return number if number >= _SINCE_1970 else now + number
    except ValueError:
        pass
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(written.strip())
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return None


def _read(handle: int) -> tuple[float, float]:
    """Time of the last request, and time until which the server must not be called; both 0 if the file is invalid."""
    try:
        last, held_until = map(float, os.pread(handle, 100, 0).split())
    except ValueError:
        return 0.0, 0.0
    return last, held_until


def _write(handle: int, last: float, held_until: float) -> None:
    os.pwrite(handle, f"{last:20.6f} {held_until:20.6f}\n".encode(), 0)
