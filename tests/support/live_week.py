"""Days of a simulated city, read as its scheduler would: twice at once, in fair weather and in foul.

One portal serves both at two ports, and its clock is moved from tick to tick. At each, a worker of either reads every
feed that is due into a warehouse of its own. Nothing goes wrong in fair weather; in foul, a share of all answers does,
and what is planned for the tick besides.
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
"""What a feed declares otherwise here."""
SPARED = {
    "gtfs_realtime": "a snapshot: what it said while it was down, nobody can ask for later",
    "gbfs": "the same",
    "motorways": "it publishes 24 hours, and the first run of a day alone reads them all again: after an outage over "
    "that run, what came late the day before is gone",
}
"""Protocols and feeds for which nothing is planned, and why. What goes wrong by chance passes within the tick."""

BY_CHANCE: Mapping[str, Callable[[], catalogue.Fault]] = {
    "429": lambda: catalogue.too_many_requests(1),
    "500": lambda: catalogue.server_error(500),
    "503": lambda: catalogue.server_error(503),
    "slow": lambda: catalogue.slow(0.02),
    "truncated": lambda: catalogue.truncated(0.4),
    "hung_up": lambda: catalogue.hung_up(0.4),
}
"""What goes wrong of a share of all answers; it is gone when the request is made again."""


@dataclass(frozen=True)
class Kill:
    """A worker is killed while it reads a feed: so long after a request of it came, or after it was told to."""

    feed_id: str
    requests: int = 1
    delay_s: float = 0.0


@dataclass(frozen=True)
class Mishaps:
    """What is planned for a tick in foul weather.

    Attributes:
        planted: faults, as ``PUT /_faults`` takes them. ``feed`` in place of a prefix names whom they concern; without
            that and without a path they concern all but those spared.
        kills: workers that are killed.
        late: by how long the feeds are read too late, all but those spared.
        sends_twice: whether the police send their file twice.
    """

    planted: Sequence[Mapping[str, Any]] = ()
    kills: Sequence[Kill] = ()
    late: timedelta = timedelta()
    sends_twice: bool = False


ALL_WELL = Mishaps()


@dataclass
class City:
    """The city, as it is read in either weather.

    Attributes:
        name: ``fair`` or ``foul``.
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
        self.worker = self.hired()

    def hired(self) -> Worker:
        """Another worker."""
        return Worker(self.url, self.territory, self.signals)

    def take_in(self, now: datetime, count: int) -> None:
        """Wait for so many jobs to end."""
        for outcome in self.worker.outcomes(count):
            self.outcomes.append((now, outcome))
            self.failing.pop(outcome.feed_id, None)
            if not outcome.is_read:
                self.failing[outcome.feed_id] = outcome.errors[-1]
        self.reads.append((self.last_load(), now))

    def send(self, name: str, body: bytes) -> None:
        """Leave a file in every inbox."""
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


class Weather:
    """Faults in a share of the answers at one port, drawn anew for each tick; and the killing of a worker."""

    def __init__(self, share: float, seed: int) -> None:
        self.port, self.met = 0, Counter[str]()
        self._share, self._seed = share, seed
        self._victim: tuple[Worker, Kill] | None = None
        self.turn(0)

    def turn(self, tick: int) -> None:
        """Draw for another tick, the same whatever was asked before it."""
        self._drawn = random.Random(f"{self._seed}/{tick}")

    def aim(self, worker: Worker, kill: Kill) -> None:
        """Let a worker be killed."""
        self._victim = worker, kill
        if not kill.requests:
            self._strike()

    def __call__(self, request: Request) -> catalogue.Fault | None:
        """The fault of a request."""
        if request.url.port != self.port:
            return None
        if self._victim:
            worker, kill = self._victim
            self._victim = worker, replace(kill, requests=kill.requests - 1)
            if kill.requests == 1:
                self._strike()
            return None
        if self._drawn.random() >= self._share:
            return None
        name = self._drawn.choice(list(BY_CHANCE))
        self.met[name] += 1
        return BY_CHANCE[name]()

    def _strike(self) -> None:
        assert self._victim
        (worker, kill), self._victim = self._victim, None
        threading.Timer(kill.delay_s, worker.kill).start() if kill.delay_s else worker.kill()


@dataclass
class Days:
    """The city in either weather, what it is read from, and the clock.

    Attributes:
        fair, foul: the city.
        ledger: what the portal lists.
        weather: what goes wrong by chance.
        folder: where a partner keeps its database.
        now: the moment (UTC).
        met: how often what was planned went wrong.
    """

    fair: City
    foul: City
    ledger: Ledger
    weather: Weather
    folder: Path
    now: datetime
    met: Counter[str] = field(default_factory=Counter)

    def tick(self, number: int, now: datetime, due: Sequence[str], sent: bytes, mishaps: Mishaps = ALL_WELL) -> None:
        """Read what is due.

        Args:
            number: of the tick.
            now: its moment (UTC).
            due: the feeds.
            sent: what the police send before.
            mishaps: what is planned in foul weather.
        """
        self._move(now)
        self.weather.turn(number)
        yesterday = now.astimezone(ZoneInfo(self.fair.territory.timezone)).date() - timedelta(days=1)
        jobs = [Job.due(self.fair.territory, feed_id, now, yesterday) for feed_id in due]
        for city in (self.fair, self.foul) if sent else ():
            city.send(f"{number:03}.jsonl", sent)
        if mishaps.sends_twice:
            self.foul.send(f"{number:03}-again.jsonl", sent)
            self.met["sent twice"] += 1
        self.fair.worker.begin(*jobs)
        if mishaps.planted:  # what is planted goes wrong at both ports
            self.fair.take_in(now, len(jobs))
        for fault in mishaps.planted:
            self._plant(dict(fault))
        for kill in mishaps.kills:
            self._kill(kill, next(job for job in jobs if job.feed_id == kill.feed_id))
        late = [job.feed_id for job in jobs if mishaps.late and not self.foul.is_spared(job.feed_id)]
        self._read_foul([job for job in jobs if job.feed_id not in late])
        if not mishaps.planted:
            self.fair.take_in(now, len(jobs))
        if late:
            self._move(now + mishaps.late)
            self._read_foul([Job.due(self.foul.territory, feed_id, self.now, yesterday) for feed_id in late])
            self.met["late"] += len(late)
        if mishaps.planted:
            self._take_away()

    def _read_foul(self, jobs: Sequence[Job]) -> None:
        self.foul.worker.begin(*jobs)
        self.foul.take_in(self.now, len(jobs))

    def _take_away(self) -> None:
        for planted in requests.get(self._desk, timeout=10).json():
            self.met[planted["fault"]] += planted["requests"]
        requests.delete(self._desk, timeout=10).raise_for_status()

    def _move(self, now: datetime) -> None:
        self.now = now
        database.write_street_lights(self.ledger, self.folder)

    @property
    def _desk(self) -> str:
        return f"http://127.0.0.1:{self.weather.port}/_faults"

    def _plant(self, fault: dict[str, Any]) -> None:
        feeds = [fault.pop("feed")] if "feed" in fault else [*self.foul.territory.feeds]
        prefixes = {self.foul.prefix(each) for each in feeds if not self.foul.is_spared(each)} - {None}
        for whom in [{}] if "path" in fault else [{"prefix": prefix} for prefix in sorted(map(str, prefixes))]:
            requests.put(self._desk, json={**fault, **whom}, timeout=10).raise_for_status()

    def _kill(self, kill: Kill, job: Job) -> None:
        """Kill a worker in the middle; whoever comes after it, comes upon what it has left behind."""
        before, victim = self.foul.last_load(), self.foul.hired()
        if kill.requests:
            self.weather.aim(victim, kill)
        victim.begin(job)
        if not kill.requests:
            self.weather.aim(victim, kill)
        assert victim.is_killed(), f"{kill} came after its end"
        self.foul.reads.append((self.foul.last_load(), self.now))
        self.met["killed"] += 1
        self.met["killed before the commit"] += self.foul.reads[-1][0] == before


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
        warehouses: of ``fair`` and ``foul``: the address, as role ``loader``, and the number of its newest load.
        now: the moment (UTC).
        folder: for a partner's database, and the signals.
        population: of the city.
        share: of the answers that go wrong in foul weather.
        seed: of that.
    """
    begun: list[Days] = []

    def clock() -> datetime:
        return begun[0].now if begun else now

    weather = Weather(share, seed)
    app = portal.demo_app(population=population, now=clock, faults=weather)
    with ExitStack() as running:
        cities = []
        for name, (url, last_load) in warehouses.items():
            address = running.enter_context(portal.running(app))
            cities.append(City(name, city_of(name, address, folder), url, last_load, folder / name))
            weather.port = urlsplit(address).port or 0
        begun.append(Days(*cities, portal.ledger_of(population=population, now=clock), weather, folder, now))
        try:
            yield begun[0]
        finally:
            for city in cities:
                city.worker.kill()
