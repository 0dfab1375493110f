"""Read every feed of a city through the scheduler, and collect the outcomes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from observatory.feeds.files import inbox
from observatory.orchestration.api_client import POLL_S, AirflowApi, RunFailed
from observatory.territory.city import Territory, inboxes, incident_feeds, zone_feeds
from observatory.warehouse.connection import plain, role_url

SHOWN = 4
"""Feeds being read that a line of progress names."""
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


def start_feeds(api: AirflowApi, territory: Territory, yesterday: str) -> dict[str, str]:
    """Trigger the feeds that need no file from a sender and that the history does not read; Airflow queues them.

    They are read while the history is loaded and transformed. ``read_every_feed`` collects what became of them.

    Returns:
        Feed to the id of its run.
    """
    later = {*required_feeds(territory), *inboxes(territory)}
    return {
        feed_id: _trigger(api, territory, feed_id, yesterday) for feed_id in territory.feeds if feed_id not in later
    }


def read_every_feed(
    api: AirflowApi,
    territory: Territory,
    yesterday: str,
    started: dict[str, str],
    progress: Callable[[int, int, str], None],
) -> Outcomes:
    """Trigger the feeds that do not run yet, and wait for all of them.

    A live feed is read up to now; other feeds, and all feeds of zones and incidents, are read for ``yesterday``, which
    the transform waits for.

    Args:
        api: client of Airflow's API.
        territory: the city.
        yesterday: its last complete local day, ISO.
        started: the runs of ``start_feeds``.
        progress: called with the number of feeds that are done, the number of all, and the outcomes so far.

    Raises:
        RunFailed: a feed without which there is no forecast could not be read.
    """
    required = required_feeds(territory)
    remaining = [*required, *(feed_id for feed_id in territory.feeds if feed_id not in {*started, *required})]
    running = started | {feed_id: _trigger(api, territory, feed_id, yesterday) for feed_id in remaining}
    outcomes = Outcomes()
    while running:
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
            reading = ", ".join(list(running)[:SHOWN]) or "nothing more"
            progress(len(outcomes), len(territory.feeds), f"{outcomes}; reading {reading}")
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


def _trigger(api: AirflowApi, territory: Territory, feed_id: str, yesterday: str) -> str:
    is_live = territory.feeds[feed_id].cadence_min is not None and feed_id not in required_feeds(territory)
    return api.trigger(_dag_id(territory, feed_id), None if is_live else yesterday)


def _dag_id(territory: Territory, feed_id: str) -> str:
    return f"{territory.code}.extract.{feed_id}"
