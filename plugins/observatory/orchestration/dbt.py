"""The dbt project as Airflow tasks: one dbt process, one visible task per model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from airflow.sdk import TaskGroup
from cosmos.airflow.task_group import DbtTaskGroup
from cosmos.config import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from observatory.settings import DBT_PROJECT, dbt_target

POOL = "dbt"
"""Airflow's pool of one slot: dbt runs queue there, not in tasks that wait for ``dbt_turn``."""
# the live marts and what they read; tests of what they read, all of it at each turn, wait for the transform
LIVE = (
    *("--select", "+tag:now", "--exclude", "path:models/staging,resource_type:test"),
    *("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
)


def manifest() -> str:
    """Path of the manifest that ``dbt parse`` wrote when the observatory started."""
    return str(dbt_target() / "manifest.json")


def live_marts(territory_code: str, moment: datetime) -> str:
    """The command that builds a city's live marts, and what they read, as of a moment."""
    variables = {"territory_code": territory_code, "as_of": moment.isoformat(timespec="seconds")}
    command = ["dbt", "build", *LIVE]
    folders = ["--project-dir", DBT_PROJECT, "--profiles-dir", DBT_PROJECT, "--target-path", dbt_target()]
    return shlex.join([*command, *map(str, folders), "--vars", json.dumps(variables)])


def turn(territory_code: str) -> dict[str, Callable[..., None]]:
    """Arguments of a task that runs dbt: it holds the warehouse's turn while it runs, see ``dbt_turn``."""
    held = ExitStack()

    def take(*_: object) -> None:
        from observatory.orchestration.connections import warehouse_url
        from observatory.warehouse.dbt_turn import dbt_turn

        held.enter_context(dbt_turn(warehouse_url("transformer"), territory_code))

    def release(*_: object) -> None:
        held.close()

    # a task that fails does not release it; the connection ends with the task's process
    return {"pre_execute": take, "post_execute": release}


def build(territory_code: str, window_task: str) -> TaskGroup:
    """Build every model for one city: what was loaded since each was last built, or the days that a person names.

    Args:
        territory_code: the city; every delete of the models filters by it.
        window_task: id of the task whose result has ``first_day`` and ``end_day`` (ISO dates, half-open; empty where
            nobody names days), and ``as_of``, the moment of the live marts.
    """
    pulled = f"ti.xcom_pull(task_ids='{window_task}')"
    return DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=DBT_PROJECT, manifest_path=manifest(), project_name="observatory"
        ),
        profile_config=ProfileConfig(
            profile_name="observatory", target_name="warehouse", profiles_yml_filepath=DBT_PROJECT / "profiles.yml"
        ),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_ALL),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER, setup_operator_args={"pool": POOL} | turn(territory_code)
        ),
        operator_args={
            # a deferred sensor that comes back within a second is sometimes taken for a task that died
            "deferrable": False,
            "poke_interval": 1,
            "vars": {
                "territory_code": territory_code,
                "since_last_build": True,
                "window_start": f"{{{{ {pulled}['first_day'] }}}}",
                "window_end": f"{{{{ {pulled}['end_day'] }}}}",
                "as_of": f"{{{{ {pulled}['as_of'] }}}}",
            },
        },
    )
