"""Rebuild a city's live marts (tag `now`) from what its feeds have loaded, every quarter of an hour.

One dbt process builds them all; facts and forecasts are built by the transform.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from observatory.orchestration import assets, dbt, pools
from observatory.territory.city import Territory
from observatory.warehouse.territory_state import territories_in_use


def now_dag(territory: Territory) -> None:
    @dag(
        dag_id=f"{territory.code}.now",
        # two minutes after the live feeds start, so that their new records are included
        schedule=CronTriggerTimetable("2-59/15 * * * *", timezone=territory.timezone, run_immediately=timedelta()),
        # no start date: otherwise unpausing the DAG would start a run before anything is loaded
        catchup=False,
        max_active_runs=1,
        tags=["now", territory.code],
        default_args={"owner": assets.OWNER},
        description=f"Rebuild the live marts of {territory.name}",
        doc_md=__doc__,
    )
    def now() -> None:
        @task.bash(pool=pools.DBT, retries=1, retry_delay=timedelta(seconds=30), **dbt.turn(territory.code))
        def build() -> str:
            from observatory.warehouse.territory_state import clock

            return dbt.live_marts(territory.code, clock(territory))

        build()

    now()


for city in territories_in_use().values():
    now_dag(city)
