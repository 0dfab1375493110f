"""What the DAG files share: the names of the data they hand to each other, and the local day a run is for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, ExceptionRetryPolicy, RetryAction, RetryRule

from observatory.errors import (
    ContractBroken,
    ConventionNotLive,
    RangeError,
    SecretMissing,
    SourceChanged,
    SourceUnavailable,
    TerritoryError,
)
from observatory.territory import Territory

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


def raw(territory: Territory, feed_id: str) -> Asset:
    """One feed's records in ``raw``, partitioned by local day."""
    return Asset(f"{territory.code}.raw.{feed_id}", uri=f"observatory://{territory.code}/raw/{feed_id}")


def core(territory: Territory) -> Asset:
    """The city's conformed facts, partitioned by local day."""
    return Asset(f"{territory.code}.core", uri=f"observatory://{territory.code}/core")


def forecast(territory: Territory) -> Asset:
    """The city's forecasts, partitioned by the last local day they know."""
    return Asset(f"{territory.code}.forecast", uri=f"observatory://{territory.code}/forecast")


def day_of_run(context: Mapping[str, Any], territory: Territory) -> date:
    """The last complete local day a run is for: its partition, else the city's yesterday."""
    key = context.get("partition_key")
    if key:
        return datetime.strptime(key, KEY_FORMAT).date()
    return datetime.now(ZoneInfo(territory.timezone)).date() - timedelta(days=1)
