"""A task announces a day of an asset only when the day is complete; without one it still succeeds."""

import logging
from datetime import date

import pytest
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.task_runner import _build_asset_profiles, _serialize_outlet_events

from observatory.orchestration import assets

ASSET = Asset("demo.raw.works", uri="observatory://demo/raw/works")


def announced(day):
    """The outlets and the partitions that Airflow's task runner reports when the task has succeeded."""
    task, events = EmptyOperator(task_id="load", outlets=[ASSET]), OutletEventAccessors()
    assets.announce({"task": task, "outlet_events": events}, ASSET, day)
    outlets = [profile.name for profile in _build_asset_profiles(task.outlets)]
    return outlets, [event["partition_key"] for event in _serialize_outlet_events(events)]


@pytest.mark.parametrize("day", [date(2026, 3, 1), "2026-03-01"], ids=["day", "key"])
def test_complete_day_is_announced_as_its_partition(day):
    assert announced(day) == (["demo.raw.works"], ["2026-03-01"])


def test_without_a_complete_day_nothing_is_announced_and_the_reason_is_logged(caplog):
    with caplog.at_level(logging.INFO):
        assert announced(None) == ([], [])
    assert "no day became complete" in caplog.text
