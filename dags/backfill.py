"""Load a city's history: zones, each month of each feed that is not loaded yet, one transform, a backtest.

A backfill that was stopped continues where it ended. The backtest covers the four weeks before `end_day`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, get_current_context, task

from observatory.ingest.history_windows import asked_days, backtest_days
from observatory.orchestration import assets, history_steps, needs, pools
from observatory.territory.city import Territory
from observatory.warehouse.territory_state import territories_in_use


def backfill_dag(territory: Territory) -> None:
    @dag(
        dag_id=f"{territory.code}.backfill",
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params={
            "first_day": Param("2024-01-01", type="string", format="date", description="First local day to read."),
            "end_day": Param("2024-02-01", type="string", format="date", description="First local day not to read."),
            "feeds": Param(needs.feeds_awaited(territory), type="array", examples=list(territory.feeds)),
            "again": Param(False, type="boolean", description="Read months that are loaded already once more."),
        },
        tags=["backfill", territory.code],
        # before the feeds of the day: the forecast waits for the history
        default_args={"owner": assets.OWNER, "priority_weight": 100, "weight_rule": "absolute"},
        description=f"Load the history of {territory.name}, transform it and backtest the forecast on its last weeks",
        doc_md=__doc__,
    )
    def backfill() -> None:
        def param(name: str) -> Any:
            return get_current_context()["params"][name]

        def asked() -> tuple[date, date]:
            return asked_days(param("first_day"), param("end_day"))

        @task(retries=2, retry_policy=assets.RETRY)
        def zones() -> None:
            history_steps.extract_zones(territory, asked())

        @task
        def months() -> list[list[str]]:
            return history_steps.months_to_read(territory, param("feeds"), asked(), again=param("again"))

        @task(retries=3, retry_policy=assets.RETRY, max_active_tis_per_dag=2, map_index_template="{{ window }}")
        def read(month: list[str]) -> str:
            get_current_context()["window"] = f"{month[0]} {month[1][:7]}"
            return history_steps.extract(territory, month[0], asked_days(month[1], month[2]))

        @task(trigger_rule="none_failed")  # transform even if there was no month to read
        def close() -> int:
            return history_steps.close(territory, param("feeds"), asked())

        @task(retries=1, retry_delay=timedelta(seconds=30))
        def backtest() -> str:
            from ml.jobs.backtest_warehouse import backtest_warehouse
            from observatory.orchestration.connections import warehouse_address

            days, groups = backtest_days(asked()[1]), territory.forecast.category_groups
            return str(backtest_warehouse(warehouse_address("forecaster"), territory.code, *days, groups=groups))

        wait = {"wait_for_completion": True, "poke_interval": 2, "pool": pools.DBT}
        transform = TriggerDagRunOperator(task_id="transform", trigger_dag_id=f"{territory.code}.transform", **wait)
        zones() >> (windows := months())
        read.expand(month=windows) >> close() >> transform >> backtest()

    backfill()


for city in territories_in_use().values():
    backfill_dag(city)
