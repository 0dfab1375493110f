"""What the DAG files share: assets, retry rules, schedules, and the local day that a run is for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, CronPartitionTimetable, ExceptionRetryPolicy, RetryAction, RetryRule

from observatory.errors import (
    ContractBroken,
    ConventionNotLive,
    RangeError,
    SecretMissing,
    SourceChanged,
    SourceUnavailable,
    TerritoryError,
)
from observatory.territory.city import Territory

log = logging.getLogger(__name__)
KEY_FORMAT = "%Y-%m-%d"
RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=SourceUnavailable, action=RetryAction.RETRY, retry_delay=timedelta(minutes=10)),
        RetryRule(
            exception=[SourceChanged, ContractBroken, ConventionNotLive, SecretMissing, TerritoryError, RangeError],
            action=RetryAction.FAIL,
            reason="a retry would fail the same way",
        ),
    ]
)
OWNER = "observatory"
"""Owner of every DAG but those of feeds, which have the owner that the territory file states."""


def raw(territory: Territory, feed_id: str) -> Asset:
    """One feed's records in ``raw``, partitioned by local day."""
    return Asset(f"{territory.code}.raw.{feed_id}", uri=f"observatory://{territory.code}/raw/{feed_id}")


def core(territory: Territory) -> Asset:
    """The city's facts, partitioned by local day."""
    return Asset(f"{territory.code}.core", uri=f"observatory://{territory.code}/core")


def forecast(territory: Territory) -> Asset:
    """The city's forecasts, partitioned by the last local day whose records they use."""
    return Asset(f"{territory.code}.forecast", uri=f"observatory://{territory.code}/forecast")


def announce(context: Mapping[str, Any], asset: Asset, day: date | str | None) -> None:
    """Start the DAGs that wait for a day of an asset, once the task that calls this has succeeded.

    Args:
        context: of the task; the asset is one of its outlets.
        asset: what was written.
        day: the local day that is now complete; None if there is none. Airflow announces each outlet of a successful
            task for the day of its run, so the task's outlets are then removed: it succeeds and starts nothing.
    """
    if day is None:
        context["task"].outlets = []
        log.info("%s: no day became complete, so no other DAG is started", asset.name)
    else:
        context["outlet_events"][asset].add_partitions(str(day))
        log.info("%s: %s is complete", asset.name, day)


def schedule(territory: Territory, feed_id: str) -> CronPartitionTimetable:
    """The schedule of a feed: once a day for the day before, or every few minutes with the present day as partition."""
    is_live = territory.feeds[feed_id].cadence_min is not None
    return CronPartitionTimetable(
        cron(territory, feed_id),
        timezone=territory.timezone,
        run_offset=0 if is_live else -1,
        key_format=KEY_FORMAT,
        run_immediately=timedelta(),
    )


def day_asked(context: Mapping[str, Any], territory: Territory, feed_id: str) -> date | None:
    """The local day that a run reads completely; None for a live feed's run, which reads until now."""
    has_no_day = context["dag_run"].run_type == "scheduled" or not context.get("partition_key")
    if has_no_day and territory.feeds[feed_id].cadence_min is not None:
        return None
    return day_of_run(context, territory)


def day_of_run(context: Mapping[str, Any], territory: Territory) -> date:
    """The last complete local day that a run is for: its partition, or yesterday in the city if it has none."""
    key = context.get("partition_key")
    if key:
        return datetime.strptime(key, KEY_FORMAT).date()
    return datetime.now(ZoneInfo(territory.timezone)).date() - timedelta(days=1)


def cron(territory: Territory, feed_id: str) -> str:
    """The schedule of a feed as a cron expression in the city's local time."""
    cadence_min = territory.feeds[feed_id].cadence_min
    if cadence_min is None:
        return territory.schedule
    hours, minutes = divmod(cadence_min, 60)
    if hours and not minutes:
        return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"
    return f"*/{cadence_min} * * * *" if cadence_min < 60 else f"0 */{hours} * * *"
