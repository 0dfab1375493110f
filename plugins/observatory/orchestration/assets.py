"""What the DAG files share: the names of the data they hand to each other, and the local day a run is for."""

from __future__ import annotations

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

KEY_FORMAT = "%Y-%m-%d"
RETRY = ExceptionRetryPolicy(
    rules=[
        RetryRule(exception=SourceUnavailable, action=RetryAction.RETRY, retry_delay=timedelta(minutes=10)),
        RetryRule(
            exception=[SourceChanged, ContractBroken, ConventionNotLive, SecretMissing, TerritoryError, RangeError],
            action=RetryAction.FAIL,
            reason="a retry gets the same answer",
        ),
    ]
)


OWNER = "observatory"
"""Whose the steps are that the observatory runs itself; a feed's is the owner that the city's file names."""


def raw(territory: Territory, feed_id: str) -> Asset:
    """One feed's records in ``raw``, partitioned by local day."""
    return Asset(f"{territory.code}.raw.{feed_id}", uri=f"observatory://{territory.code}/raw/{feed_id}")


def core(territory: Territory) -> Asset:
    """The city's conformed facts, partitioned by local day."""
    return Asset(f"{territory.code}.core", uri=f"observatory://{territory.code}/core")


def forecast(territory: Territory) -> Asset:
    """The city's forecasts, partitioned by the last local day they know."""
    return Asset(f"{territory.code}.forecast", uri=f"observatory://{territory.code}/forecast")


def schedule(territory: Territory, feed_id: str) -> CronPartitionTimetable:
    """When a feed is read: its day before, once a day; or every few minutes, of which a day's runs share the key."""
    is_live = territory.feeds[feed_id].cadence_min is not None
    return CronPartitionTimetable(
        cron(territory, feed_id),
        timezone=territory.timezone,
        run_offset=0 if is_live else -1,
        key_format=KEY_FORMAT,
        run_immediately=timedelta(),
    )


def day_asked(context: Mapping[str, Any], territory: Territory, feed_id: str) -> date | None:
    """The local day that a run is to read whole; None for a live feed's run that reads until now."""
    is_tick = context["dag_run"].run_type == "scheduled" or not context.get("partition_key")
    if is_tick and territory.feeds[feed_id].cadence_min is not None:
        return None
    return day_of_run(context, territory)


def day_of_run(context: Mapping[str, Any], territory: Territory) -> date:
    """The last complete local day a run is for: its partition, else the city's yesterday."""
    key = context.get("partition_key")
    if key:
        return datetime.strptime(key, KEY_FORMAT).date()
    return datetime.now(ZoneInfo(territory.timezone)).date() - timedelta(days=1)


def cron(territory: Territory, feed_id: str) -> str:
    """When a feed is read, as a cron expression in the city's local time."""
    cadence_min = territory.feeds[feed_id].cadence_min
    if cadence_min is None:
        return territory.schedule
    hours, minutes = divmod(cadence_min, 60)
    if hours and not minutes:
        return f"0 */{hours} * * *" if hours < 24 else "0 0 * * *"
    return f"*/{cadence_min} * * * *" if cadence_min < 60 else f"0 */{hours} * * *"
