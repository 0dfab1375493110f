"""A server's own limit of requests, kept by all processes of this machine together.

One small file per server in the state folder holds when it was asked last and until when it wants to be left alone.
Who asks waits for its turn with the file locked, so the others queue behind; the system unlocks it when a process is
killed. Turns are evenly spaced, which keeps the limit over every minute, wherever a minute begins.
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
"""Numbers from here on are seconds since 1970, smaller ones are seconds from now: servers write both."""
_LIMITED = (429, 503)
_RATE_LIMITS = ("ratelimit", "x-ratelimit", "x-rate-limit")


@dataclass(frozen=True)
class RateLimit:
    """The turns of one server.

    Attributes:
        file: shared by every process that asks the server.
        requests_per_minute: at most so many in any minute.
        longest_wait_s: how long at most a server that asks to be left alone is obeyed at a time.
        now, sleep: the clock; seconds since 1970.
    """

    file: Path
    requests_per_minute: int
    longest_wait_s: float
    now: Callable[[], float] = time.time
    sleep: Callable[[float], object] = time.sleep

    @classmethod
    def of(cls, url: str, requests_per_minute: int, longest_wait_s: float) -> RateLimit:
        """The turns of the server that an address names, on this machine."""
        name = re.sub(r"[^\w.-]", "_", urlsplit(url).netloc.rpartition("@")[2].lower())
        return cls(state_folder() / "rate_limit" / name, requests_per_minute, longest_wait_s)

    def wait(self) -> None:
        """Return when it is this request's turn."""
        with self._locked() as handle:
            last, held_until = _read(handle)
            now = self.now()
            # a moment that is yet to come was written before the clock was set back
            turn = min(last, now) + _MINUTE_S / self.requests_per_minute if last else now
            due = max(turn, min(held_until, now + self.longest_wait_s))
            while (left := due - self.now()) > 0:
                self.sleep(left)
            _write(handle, self.now(), held_until)

    def hold(self, seconds: float) -> None:
        """Let nobody ask before so many seconds have gone by."""
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
    """Sends requests, repeated and redirected ones too, no more often than their servers allow.

    An answer that says when its server may be asked again, in whatever header, gets the one that a client obeys:
    ``Retry-After``. With a limit, the other processes wait as well.

    Args:
        requests_per_minute: what the territory file says a server allows; None where it says nothing.
        longest_wait_s: most that any wait may last.
    """

    def __init__(self, requests_per_minute: int | None, longest_wait_s: float) -> None:
        """Ask for nothing yet."""
        super().__init__()
        self.requests_per_minute, self.longest_wait_s = requests_per_minute, longest_wait_s

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Wait for the request's turn, send it, and heed what the answer says of the next."""
        rate_limit = None
        if self.requests_per_minute:
            rate_limit = RateLimit.of(str(request.url), self.requests_per_minute, self.longest_wait_s)
            rate_limit.wait()
        response = super().send(request, *args, **options)
        wait_s = told_to_wait_s(response.status_code, response.headers, time.time())
        if wait_s is not None:
            if response.status_code in _LIMITED:
                response.headers.setdefault("Retry-After", str(ceil(wait_s)))
            if rate_limit:
                rate_limit.hold(wait_s)
        return response


def told_to_wait_s(status: int, headers: Mapping[str, str], now: float) -> float | None:
    """How long a server wants to be left alone, seconds; None where it does not say.

    Args:
        status: of its answer. One of 429 or 503 may say ``Retry-After``; any may say that no request is left.
        headers: of its answer; ``RateLimit-Reset`` and ``X-RateLimit-Reset`` are seconds from now, seconds since 1970
            or a moment, as servers differ.
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
    """Seconds since 1970 of a number of seconds, an HTTP date or an ISO moment."""
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
    """When the server was asked last, and until when it is left alone; 0 where nothing is written or not wholly."""
    try:
        last, held_until = map(float, os.pread(handle, 100, 0).split())
    except ValueError:
        return 0.0, 0.0
    return last, held_until


def _write(handle: int, last: float, held_until: float) -> None:
    os.pwrite(handle, f"{last:20.6f} {held_until:20.6f}\n".encode(), 0)
