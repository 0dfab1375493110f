"""The rate limit of a server, shared by all processes of the machine."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from starlette.responses import JSONResponse

from observatory.feeds.http.client import Patience, client
from observatory.feeds.http.rate_limit import RateLimit, requested_wait_s
from observatory.settings import state_folder
from observatory.territory.files import load_territory
from observatory.territory.sources import SocrataSource


class Clock:
    """A clock that advances only when a test waits."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def rate_limit(folder, clock, per_minute, longest_wait_s=120.0) -> RateLimit:
    return RateLimit(Path(folder) / "portal", per_minute, longest_wait_s, lambda: clock.now, clock.sleep)


@settings(deadline=None)
@given(st.integers(1, 600), st.lists(st.tuples(st.integers(0, 2), st.floats(0, 30)), min_size=2, max_size=60))
def test_no_minute_has_more_requests_than_allowed_whoever_makes_them(per_minute, asked):
    """Property: requests of any askers are at least 60 / limit seconds apart, and none waits longer than that takes."""
    with TemporaryDirectory() as folder:
        clock, sent = Clock(), []
        askers = [rate_limit(folder, clock, per_minute) for _ in range(3)]
        for who, after_s in asked:
            clock.sleep(after_s)
            started = clock.now
            askers[who].wait()
            assert clock.now == pytest.approx(max(started, sent[-1] + 60 / per_minute if sent else started), abs=1e-3)
            sent.append(clock.now)
    assert all(later - earlier >= 60 / per_minute - 1e-3 for earlier, later in pairwise(sent))


def test_who_is_told_to_wait_tells_the_others(tmp_path):
    clock = Clock()
    one, other = rate_limit(tmp_path, clock, 600), rate_limit(tmp_path, clock, 600, longest_wait_s=20.0)
    one.wait()
    one.hold(45.0)
    began = clock.now
    other.wait()
    assert clock.now - began == pytest.approx(20.0, abs=1e-3), "no longer than it has patience for"
    one.wait()
    assert clock.now - began == pytest.approx(45.0, abs=1e-3)


def test_a_clock_set_back_and_half_a_file_hold_nobody_up(tmp_path):
    clock = Clock()
    asker = rate_limit(tmp_path, clock, 60)
    asker.wait()
    clock.now -= 86_400
    began = clock.now
    asker.wait()
    assert clock.now - began == pytest.approx(1.0, abs=1e-3)
    (tmp_path / "portal").write_text("18000")
    asker.wait()
    assert clock.now - began == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, {"Retry-After": "7"}, 7),
        (503, {"retry-after": "Fri, 15 Jan 2027 08:00:30 GMT"}, 30),
        (429, {"X-Rate-Limit-Reset": "1800000900"}, 900),  # seconds since 1970
        (429, {"RateLimit-Reset": "12"}, 12),  # seconds from now
        (429, {"X-RateLimit-Reset": "2027-01-15T08:00:05.000Z"}, 5),
        (200, {"x-rate-limit-remaining": "0", "x-rate-limit-reset": "60"}, 60),
        (200, {"x-rate-limit-remaining": "3", "x-rate-limit-reset": "60"}, None),
        (200, {"Retry-After": "7"}, None),
        (429, {"Retry-After": "soon"}, None),
        (429, {}, None),
    ],
)
def test_what_a_server_says_of_the_next_request_is_understood(status, headers, wait_s):
    assert requested_wait_s(status, headers, 1_800_000_000.0) == wait_s


PROCESS = """
import sys
from observatory.feeds.http.client import client
from observatory.territory.sources.socrata import SocrataSource
source = SocrataSource(protocol="socrata", address=sys.argv[1], resource="demo-inci", requests_per_minute=600)
server = client(source)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(6):
    server.get("rows")
"""


def test_two_processes_together_stay_under_the_limit(serving, state):
    started = []

    def answer(_path, _query, _headers):
        started.append(time.monotonic())
        return []

    with serving(answer) as (address, _):
        command = [sys.executable, "-c", PROCESS, address]
        both = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [process.stdout.readline() for process in both] == ["ready\n"] * 2
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.wait() for process in both] == [0, 0]
        for process in both:
            process.communicate()
    assert len(started) == 12
    # ten a second: the last request is 1.1 s after the first, less the network's delay
    assert started[-1] - started[0] > 1.0
    assert state_folder() == state


def test_a_killed_process_leaves_nothing_locked(tmp_path):
    script = (
        "import sys, time; from observatory.feeds.http.rate_limit import RateLimit; from pathlib import Path\n"
        "with RateLimit(Path(sys.argv[1]), 60, 1.0)._locked(): print('locked', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, tmp_path / "portal"], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "locked\n"
    process.kill()
    process.communicate()
    began = time.monotonic()
    RateLimit(tmp_path / "portal", 60, 1.0).wait()
    assert time.monotonic() - began < 0.5


def test_a_reset_header_is_obeyed_as_retry_after_is(serving):
    def fault(_):
        return JSONResponse([], status_code=429, headers={"X-RateLimit-Reset": "1"})

    with serving(lambda *_: [], [fault, None]) as (address, _):
        source = SocrataSource(protocol="socrata", address=address, resource="demo-inci")
        server = client(source, Patience(attempts=2, backoff_s=0.01))
        began = time.monotonic()
        assert server.get("rows").ok
    assert 1.0 <= time.monotonic() - began < 3.0


def test_a_limit_is_of_a_server_and_gone_with_it():
    with pytest.raises(ValidationError, match="only where the address begins with http"):
        SocrataSource(protocol="socrata", address="folder", resource="demo-inci", requests_per_minute=20)
    marseille = load_territory("marseille")
    assert marseille.feeds["timetable"].source.requests_per_minute == 10
    assert marseille.with_portal("http://127.0.0.1:1").feeds["timetable"].source.requests_per_minute is None
