"""Days of a simulated city, read twice at the same time as by its scheduler: without faults and with faults.

One portal serves both at two ports, and its clock is moved from tick to tick. At each tick, a worker of each reads
every feed that is due into its own warehouse. The reference has no faults; the disturbed city has faults in a share of
all responses, and those planned for the tick.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import requests
from starlette.requests import Request

from observatory.errors import ObservatoryError
from observatory.feeds.files import inbox
from observatory.simulator import portal
from observatory.simulator.partners import database
from observatory.simulator.records.ledger import Ledger
from observatory.simulator.servers.faults import catalogue
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from tests.support.worker import Job, Outcome, Worker

LEFT_OUT = {
    "messages_safety": "read as messages_noise is, thread by thread: hundreds of requests",
    "posts_amers": "read as posts_old_port is",
    "transit_alerts": "read as transit_live is",
    "weather_forecast": "read as weather is",
}
"""Feeds of the city that are not read, and why."""
CHANGED = {"hospital_visits": {"tolerated_reject_share": 1.0}}  # in a small city most counts are below five
"""Settings of feeds that differ here."""
SPARED = {
    "gtfs_realtime": "a snapshot: its state during an outage cannot be requested later",
    "gbfs": "the same",
    "motorways": "it publishes 24 hours, and the first run of a day alone reads them all again: after an outage over "
    "that run, late rows of the day before are lost",
}
"""Protocols and feeds without planned faults, and why. Random faults are overcome within the tick."""

BY_CHANCE: Mapping[str, Callable[[], catalogue.Fault]] = {
    "429": lambda: catalogue.too_many_requests(1),
    "500": lambda: catalogue.server_error(500),
    "503": lambda: catalogue.server_error(503),
    "slow": lambda: catalogue.slow(0.02),
    "truncated": lambda: catalogue.truncated(0.4),
    "hung_up": lambda: catalogue.hung_up(0.4),
}
"""Random faults of a share of all responses; a repeated request succeeds."""


@dataclass(frozen=True)
class Kill:
    """Kills a worker while it reads a feed: a delay after one of its requests, or after the job began."""

    feed_id: str
    requests: int = 1
    delay_s: float = 0.0


@dataclass(frozen=True)
class PlannedFaults:
    """The faults planned for a tick of the disturbed city.

    Attributes:
        planted: faults, as ``PUT /_faults`` takes them. ``feed`` instead of a prefix names the feed concerned;
            without that and without a path they concern all feeds that are not spared.
        kills: workers that are killed.
        late: by how long the feeds are read too late, all but those spared.
        sends_twice: whether the police send their file twice.
    """

    planted: Sequence[Mapping[str, Any]] = ()
    kills: Sequence[Kill] = ()
    late: timedelta = timedelta()
    sends_twice: bool = False


NO_FAULTS = PlannedFaults()


@dataclass
class City:
    """One of the two copies of the city.

    Attributes:
        name: ``reference`` or ``disturbed``.
        territory: its file.
        url: the warehouse, as role ``loader``.
        last_load: number of its newest load.
        signals: folder of its signals.
        outcomes: of every job, and the moment of its tick.
        failing: feeds whose last job was not done, and why.
        reads: until which number the loads were made at a moment, in order.
    """

    name: str
    territory: Territory
    url: str
    last_load: Callable[[], int]
    signals: Path
    outcomes: list[tuple[datetime, Outcome]] = field(default_factory=list)
    failing: dict[str, ObservatoryError] = field(default_factory=dict)
    reads: list[tuple[int, datetime]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.worker = self.new_worker()

    def new_worker(self) -> Worker:
        """Start another worker."""
        return Worker(self.url, self.territory, self.signals)

    def collect(self, now: datetime, count: int) -> None:
        """Wait until this number of jobs has ended."""
        for outcome in self.worker.outcomes(count):
            self.outcomes.append((now, outcome))
            self.failing.pop(outcome.feed_id, None)
            if not outcome.is_read:
                self.failing[outcome.feed_id] = outcome.errors[-1]
        self.reads.append((self.last_load(), now))

    def send(self, name: str, body: bytes) -> None:
        """Deliver a file to every inbox."""
        for feed in self.territory.feeds.values():
            if feed.source.is_inbox:
                path = inbox.made(feed.source) / name
                path.with_suffix(".part").write_bytes(body)
                path.with_suffix(".part").rename(path)

    def is_spared(self, feed_id: str) -> bool:
        """Whether nothing is planned for a feed."""
        return feed_id in SPARED or self.territory.feeds[feed_id].source.protocol in SPARED

    def prefix(self, feed_id: str) -> str | None:
        """First part of the paths at which a feed is served; None where the portal does not serve it."""
        source = self.territory.feeds[feed_id].source
        if not source.address.startswith("http"):
            return None
        return urlsplit(f"{source.address}/{getattr(source, 'path', 'resource')}").path.split("/")[1]


class RandomFaults:
    """Random faults in a share of the responses at one port, drawn for each tick; also kills workers."""

    def __init__(self, share: float, seed: int) -> None:
        self.port, self.met = 0, Counter[str]()
        self._share, self._seed = share, seed
        self._victim: tuple[Worker, Kill] | None = None
        self.reseed(0)

    def reseed(self, tick: int) -> None:
        """Start the random draws of another tick, independent of earlier requests."""
        self._drawn = random.Random(f"{self._seed}/{tick}")

    def arrange(self, worker: Worker, kill: Kill) -> None:
        """Kill a worker after its requests and delay."""
        self._victim = worker, kill
        if not kill.requests:
            self._kill_victim()

    def __call__(self, request: Request) -> catalogue.Fault | None:
        """The fault of a request."""
        if request.url.port != self.port:
            return None
        if self._victim:
            worker, kill = self._victim
            self._victim = worker, replace(kill, requests=kill.requests - 1)
            if kill.requests == 1:
                self._kill_victim()
            return None
        if self._drawn.random() >= self._share:
            return None
        name = self._drawn.choice(list(BY_CHANCE))
        self.met[name] += 1
        return BY_CHANCE[name]()

    def _kill_victim(self) -> None:
        assert self._victim
        (worker, kill), self._victim = self._victim, None
        threading.Timer(kill.delay_s, worker.kill).start() if kill.delay_s else worker.kill()


@dataclass
class Days:
    """Both copies of the city, their sources and the clock.

    Attributes:
        reference, disturbed: the city without and with faults.
        ledger: what the portal lists.
        random_faults: the random faults.
        folder: where a partner keeps its database.
        now: the moment (UTC).
        met: how often each planned fault occurred.
    """

    reference: City
    disturbed: City
    ledger: Ledger
    random_faults: RandomFaults
    folder: Path
    now: datetime
    met: Counter[str] = field(default_factory=Counter)

    def tick(
        self, number: int, now: datetime, due: Sequence[str], sent: bytes, planned: PlannedFaults = NO_FAULTS
    ) -> None:
        """Read what is due.

        Args:
            number: of the tick.
            now: its moment (UTC).
            due: the feeds.
            sent: what the police send before.
            planned: the faults of the disturbed city.
        """
        self._move(now)
        self.random_faults.reseed(number)
        yesterday = now.astimezone(ZoneInfo(self.reference.territory.timezone)).date() - timedelta(days=1)
        jobs = [Job.due(self.reference.territory, feed_id, now, yesterday) for feed_id in due]
        for city in (self.reference, self.disturbed) if sent else ():
            city.send(f"{number:03}.jsonl", sent)
        if planned.sends_twice:
            self.disturbed.send(f"{number:03}-again.jsonl", sent)
            self.met["sent twice"] += 1
        self.reference.worker.begin(*jobs)
        if planned.planted:  # planted faults apply to both ports
            self.reference.collect(now, len(jobs))
        for fault in planned.planted:
            self._plant(dict(fault))
        for kill in planned.kills:
            self._kill(kill, next(job for job in jobs if job.feed_id == kill.feed_id))
        late = [job.feed_id for job in jobs if planned.late and not self.disturbed.is_spared(job.feed_id)]
        self._read_disturbed([job for job in jobs if job.feed_id not in late])
        if not planned.planted:
            self.reference.collect(now, len(jobs))
        if late:
            self._move(now + planned.late)
            self._read_disturbed([Job.due(self.disturbed.territory, feed_id, self.now, yesterday) for feed_id in late])
            self.met["late"] += len(late)
        if planned.planted:
            self._take_away()

    def _read_disturbed(self, jobs: Sequence[Job]) -> None:
        self.disturbed.worker.begin(*jobs)
        self.disturbed.collect(self.now, len(jobs))

    def _take_away(self) -> None:
        for planted in requests.get(self._desk, timeout=10).json():
            self.met[planted["fault"]] += planted["requests"]
        requests.delete(self._desk, timeout=10).raise_for_status()

    def _move(self, now: datetime) -> None:
        self.now = now
        database.write_street_lights(self.ledger, self.folder)

    @property
    def _desk(self) -> str:
        return f"http://127.0.0.1:{self.random_faults.port}/_faults"

    def _plant(self, fault: dict[str, Any]) -> None:
        feeds = [fault.pop("feed")] if "feed" in fault else [*self.disturbed.territory.feeds]
        prefixes = {self.disturbed.prefix(each) for each in feeds if not self.disturbed.is_spared(each)} - {None}
        for whom in [{}] if "path" in fault else [{"prefix": prefix} for prefix in sorted(map(str, prefixes))]:
            requests.put(self._desk, json={**fault, **whom}, timeout=10).raise_for_status()

    def _kill(self, kill: Kill, job: Job) -> None:
        """Kill a worker during its work; the next worker continues from the state it left."""
        before, victim = self.disturbed.last_load(), self.disturbed.new_worker()
        if kill.requests:
            self.random_faults.arrange(victim, kill)
        victim.begin(job)
        if not kill.requests:
            self.random_faults.arrange(victim, kill)
        assert victim.is_killed(), f"{kill} was due after the worker had ended"
        self.disturbed.reads.append((self.disturbed.last_load(), self.now))
        self.met["killed"] += 1
        self.met["killed before the commit"] += self.disturbed.reads[-1][0] == before


def city_of(name: str, address: str, folder: Path) -> Territory:
    """The demo city, read from a portal, with an inbox of its own, and the partner's database in a folder."""
    demo, feeds = load_territory("demo").with_portal(address), {}
    for feed_id, feed in demo.feeds.items():
        source = feed.source
        if source.is_inbox:
            source = source.model_copy(update={"address": f"inbox/{name}/{feed_id}"})
        elif source.protocol == "database":
            source = source.model_copy(update={"address": f"sqlite:///{folder / database.STREET_LIGHTS}"})
        if feed_id not in LEFT_OUT:
            feeds[feed_id] = feed.model_copy(update={"source": source, **CHANGED.get(feed_id, {})})
    return demo.model_copy(update={"feeds": feeds})


@contextmanager
def beginning(
    warehouses: Mapping[str, tuple[str, Callable[[], int]]],
    now: datetime,
    folder: Path,
    *,
    population: int,
    share: float,
    seed: int = 1,
) -> Iterator[Days]:
    """The city before its first tick.

    Args:
        warehouses: by name of the city: the address, as role ``loader``, and the number of its newest load.
        now: the moment (UTC).
        folder: for a partner's database, and the signals.
        population: of the city.
        share: of the responses with random faults.
        seed: of that.
    """
    begun: list[Days] = []

    def clock() -> datetime:
        return begun[0].now if begun else now

    random_faults = RandomFaults(share, seed)
    app = portal.demo_app(population=population, now=clock, faults=random_faults)
    with ExitStack() as running:
        cities = []
        for name, (url, last_load) in warehouses.items():
            address = running.enter_context(portal.running(app))
            cities.append(City(name, city_of(name, address, folder), url, last_load, folder / name))
            random_faults.port = urlsplit(address).port or 0
        begun.append(Days(*cities, portal.ledger_of(population=population, now=clock), random_faults, folder, now))
        try:
            yield begun[0]
        finally:
            for city in cities:
                city.worker.kill()
