"""Remove old runs, logs and compiled SQL every night; one DAG for the whole installation."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from observatory.orchestration import assets, maintenance

DOC = f"""{__doc__}

| | kept |
|---|---|
| Airflow's finished runs, tasks, XComs, asset events and audit log | {maintenance.AIRFLOW_KEPT.days} days |
| Logs of tasks and of the DAG processor | {maintenance.LOGS_KEPT.days} days |
| SQL that dbt compiled (not its manifest) | {maintenance.DBT_KEPT.days} days |

Records of cities are not removed. The last scheduled run of each DAG is kept. The periods are set in
`plugins/observatory/orchestration/maintenance.py`.
"""


@dag(
    dag_id="observatory.maintenance",
    schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC", run_immediately=timedelta()),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args={"owner": assets.OWNER, "retries": 1, "retry_delay": timedelta(minutes=5)},
    tags=["maintenance", "observatory"],
    description="Remove old runs, logs and compiled SQL",
    doc_md=DOC,
)
def maintain() -> None:
    @task
    def airflow() -> None:
        from observatory.local.environment import child_environment

        maintenance.clean_airflow(child_environment())

    @task
    def files() -> int:
        return maintenance.clean_files()

    airflow()
    files()


maintain()
