"""The dbt project as Airflow tasks: one dbt process, one visible task per model."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime

from airflow.sdk import TaskGroup
from cosmos.airflow.task_group import DbtTaskGroup
from cosmos.config import ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import ExecutionMode, LoadMode, TestBehavior

from observatory.settings import DBT_PROFILE, DBT_PROJECT, DBT_TARGET, dbt_options, dbt_target

# the live marts and the models they read; the tests of those models run in the transform only
LIVE = (
    *("--select", "+tag:now", "--exclude", "path:models/staging,resource_type:test"),
    *("--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
)


def manifest() -> str:
    """Path of the manifest that ``dbt parse`` wrote when the observatory started."""
    return str(dbt_target() / "manifest.json")


def live_marts(territory_code: str, moment: datetime) -> str:
    """The shell command that builds a city's live marts, and the models they read, as of a moment."""
    variables = build_variables(territory_code=territory_code, as_of=moment.isoformat(timespec="seconds"))
    given = [f"{name}={value}" for name, value in variables.items()]
    return shlex.join(["env", *given, "dbt", "build", *LIVE, *dbt_options()])


def build_variables(**variables: str) -> dict[str, str]:
    """Variables of the dbt project as variables of the environment; see ``dbt_project/macros/scope.sql``."""
    return {f"OBSERVATORY_BUILD_{name.upper()}": value for name, value in variables.items()}


def turn(territory_code: str) -> dict[str, Callable[..., None]]:
    """Arguments of a task that runs dbt, so that it holds the warehouse's dbt lock meanwhile; see ``dbt_turn``."""
    held = ExitStack()

    def take(*_: object) -> None:
        from observatory.orchestration.connections import warehouse_url
        from observatory.warehouse.dbt_turn import dbt_turn

        held.enter_context(dbt_turn(warehouse_url("transformer"), territory_code))

    def release(*_: object) -> None:
        held.close()

    # post_execute is not called if the task fails; the lock then ends with the connection of its process
    return {"pre_execute": take, "post_execute": release}


def build(territory_code: str, window_task: str) -> TaskGroup:
    """Build every model for one city, from what was loaded since its last build or for a given range of days.

    Args:
        territory_code: the city; models delete and insert rows of this city only.
        window_task: id of the task whose result has ``first_day`` and ``end_day`` (ISO dates, half-open; empty if no
            range is given), and ``as_of``, the moment of the live marts.
    """
    pulled = f"ti.xcom_pull(task_ids='{window_task}')"
    return DbtTaskGroup(
        group_id="dbt",
        project_config=ProjectConfig(
            dbt_project_path=DBT_PROJECT, manifest_path=manifest(), project_name="observatory"
        ),
        profile_config=ProfileConfig(
            profile_name=DBT_PROFILE, target_name=DBT_TARGET, profiles_yml_filepath=DBT_PROJECT / "profiles.yml"
        ),
        render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST, test_behavior=TestBehavior.AFTER_ALL),
        execution_config=ExecutionConfig(
            execution_mode=ExecutionMode.WATCHER, setup_operator_args=turn(territory_code)
        ),
        operator_args={
            # Airflow sometimes marks a deferred sensor that resumes within a second as failed
            "deferrable": False,
            "poke_interval": 1,
            "env": {
                **build_variables(
                    territory_code=territory_code,
                    since_last_build="true",
                    window_start=f"{{{{ {pulled}['first_day'] }}}}",
                    window_end=f"{{{{ {pulled}['end_day'] }}}}",
                    as_of=f"{{{{ {pulled}['as_of'] }}}}",
                ),
                # Cosmos runs dbt in a copy of the project, which has no result of an earlier parse
                "DBT_PARTIAL_PARSE_FILE_PATH": str(dbt_target() / "partial_parse.msgpack"),
                # unit tests look at the SQL of models, not at data
                "DBT_EXCLUDE_RESOURCE_TYPES": "unit_test",
            },
        },
    )
