"""Territories and servers for tests of the feeds."""

from collections.abc import Callable
from contextlib import contextmanager

import polars as pl
import pytest

from observatory.feeds import open_feed
from observatory.records import Ordinals, check, conform
from observatory.simulator import portal, protocols
from observatory.territory import Territory, load_territory


@pytest.fixture
def city() -> Callable[..., Territory]:
    """The demo city with one feed, called ``feed``, of which the test says what matters to it."""

    def described(source, kind, columns, **changes) -> Territory:
        demo = load_territory("demo").model_dump(exclude={"feeds"})
        feed = {"kind": kind, "source": source, "columns": columns, "owner": "City", "licence": "made up", **changes}
        return Territory.model_validate({**demo, "feeds": {"feed": feed}})

    return described


@pytest.fixture
def read() -> Callable[..., list[pl.DataFrame]]:
    """The chunks that a city's feed ``feed`` yields in a window."""

    def chunks(territory, window, **options) -> list[pl.DataFrame]:
        return list(open_feed(territory, "feed", **options).read(window))

    return chunks


@pytest.fixture
def checked() -> Callable[..., tuple[pl.DataFrame, pl.DataFrame]]:
    """Accepted and rejected records of chunks of the feed ``feed``."""

    def divided(chunks, territory) -> tuple[pl.DataFrame, pl.DataFrame]:
        ordinals = Ordinals()
        parts = [check(rows, conform(rows, territory, "feed", ordinals), territory, "feed") for rows in chunks]
        return pl.concat(part.accepted for part in parts), pl.concat(part.rejected for part in parts)

    return divided


@pytest.fixture(scope="session")
def _server():
    """One server for all tests, since each takes a moment to start: it answers what the test at hand says."""
    current = {}

    def answer(path, query, headers):
        return current["answer"](path, query, headers)

    def fault(request):
        return current["fault"](request)

    with portal.running(protocols.app(answer, fault)) as address:
        yield address, current


@pytest.fixture
def serving(_server):
    """A server of an answer, with the faults planted; yields its address and the queries that came."""
    address, current = _server

    @contextmanager
    def served(answer, faults=()):
        asked = []

        def noted(path, query, headers):
            asked.append((path, query))
            return answer(path, query, headers)

        current.update({"answer": noted, "fault": portal.fault_of(faults)})
        yield address, asked

    return served
