"""Read every feed of a city through the scheduler, a few at a time, and collect the outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from observatory.feeds.files import inbox
from observatory.orchestration.api_client import POLL_S, AirflowApi, RunFailed
from observatory.territory.city import Territory, inboxes, incident_feeds, zone_feeds
from observatory.warehouse.connection import plain, role_url

AT_ONCE = 4
DELIVERY_TIMEOUT_S = 120
NOT_LIVE = "ConventionNotLive"


@dataclass
class Outcomes:
    """The outcome of each feed.

    Attributes:
        loaded: feeds that were read.
        refused: feed to the reason why its records may not be loaded today.
        failed: feed to the reason why it could not be read.
    """

    loaded: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loaded) + len(self.refused) + len(self.failed)

    def __str__(self) -> str:
        """The counts as text, e.g. ``5 loaded, 1 failed``."""
        counts = {"loaded": self.loaded, "refused": self.refused, "failed": self.failed}
        return ", ".join(f"{len(feeds)} {name}" for name, feeds in counts.items() if feeds or name == "loaded")


def required_feeds(territory: Territory) -> list[str]:
    """The feeds without which there is no forecast: zones and incidents."""
    return [*zone_feeds(territory), *incident_feeds(territory)]


def read_every_feed(
    api: AirflowApi, territory: Territory, yesterday: str, progress: Callable[[int, int, str], None]
) -> Outcomes:
    """Trigger the DAG of every feed, and wait for all of them.

    A live feed is read up to now; other feeds, and all feeds of zones and incidents, are read for ``yesterday``, which
    the transform waits for.

    Args:
        api: client of Airflow's API.
        territory: the city.
        yesterday: its last complete local day, ISO.
        progress: called with the number of feeds that are done, the number of all, and the outcomes so far.

    Raises:
        RunFailed: a feed without which there is no forecast could not be read.
    """
    required = required_feeds(territory)
    waiting = [*required, *(feed_id for feed_id in territory.feeds if feed_id not in required)]
    outcomes, running = Outcomes(), dict[str, str]()
    while waiting or running:
        while waiting and len(running) < AT_ONCE:
            feed_id = waiting.pop(0)
            is_live = territory.feeds[feed_id].cadence_min is not None and feed_id not in required
            running[feed_id] = api.trigger(_dag_id(territory, feed_id), None if is_live else yesterday)
        for feed_id, run_id in list(running.items()):
            try:
                if not api.has_succeeded(_dag_id(territory, feed_id), run_id, await_retries=feed_id in required):
                    continue
                outcomes.loaded.append(feed_id)
            except RunFailed as error:
                if feed_id in required:
                    raise
                (outcomes.refused if error.error_type == NOT_LIVE else outcomes.failed)[feed_id] = error.reason
            del running[feed_id]
        progress(len(outcomes), len(territory.feeds), f"{outcomes}; reading {', '.join(running) or 'nothing more'}")
        time.sleep(POLL_S)
    return outcomes


def await_deliveries(territory: Territory) -> None:
    """Wait until the simulator has sent a file to each inbox, for two minutes at most."""
    deadline = time.monotonic() + DELIVERY_TIMEOUT_S
    query = "select count(*) from ops.delivery where territory_code = %s and feed_id = %s"
    with psycopg.connect(plain(role_url("reader")), autocommit=True) as connection:
        for feed_id in inboxes(territory):
            key = [territory.code, feed_id]
            while time.monotonic() < deadline and not inbox.waiting("/".join(key), territory.feeds[feed_id]):
                if connection.execute(query, key).fetchone() != (0,):
                    break
                time.sleep(POLL_S)


def _dag_id(territory: Territory, feed_id: str) -> str:
    return f"{territory.code}.extract.{feed_id}"
