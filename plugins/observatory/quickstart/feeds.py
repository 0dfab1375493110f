"""The main job's reading of every feed of a city through the scheduler: a few at a time, each told by its outcome."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from observatory.orchestration.api_client import POLL_S, AirflowApi, RunFailed
from observatory.territory.city import Territory, incident_feeds, zone_feeds

AT_ONCE = 4
NOT_LIVE = "ConventionNotLive"


@dataclass
class Outcomes:
    """What became of each feed.

    Attributes:
        loaded: feeds that were read.
        refused: feed to why its records may not be loaded today.
        failed: feed to why it could not be read.
    """

    loaded: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.loaded) + len(self.refused) + len(self.failed)

    def __str__(self) -> str:
        """The counts, in a few words."""
        counts = {"loaded": self.loaded, "refused": self.refused, "failed": self.failed}
        return ", ".join(f"{len(feeds)} {name}" for name, feeds in counts.items() if feeds or name == "loaded")


def required_feeds(territory: Territory) -> list[str]:
    """The feeds without which there is no forecast: zones and incidents."""
    return [*zone_feeds(territory), *incident_feeds(territory)]


def read_every_feed(
    api: AirflowApi, territory: Territory, yesterday: str, progress: Callable[[int, int, str], None]
) -> Outcomes:
    """Trigger the schedule of every feed, and wait for all of them.

    A live feed is read until now; any other, and incidents, the day before, which is what the transform waits for.

    Args:
        api: Airflow's.
        territory: the city.
        yesterday: its last complete local day, ISO.
        progress: told how many feeds are done, how many there are, and what became of them so far.

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


def _dag_id(territory: Territory, feed_id: str) -> str:
    return f"{territory.code}.extract.{feed_id}"
