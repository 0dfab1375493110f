"""Read a city's history: zones, every feed in monthly windows, one transform over the range, a backtest of its end."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import Param, dag, get_current_context, task

from observatory import assets
from observatory.schedule import asked_days, backtest_days, monthly_windows, zone_feeds
from observatory.territory import Territory, load_readable_territories
from observatory.window import Window


def backfill_dag(territory: Territory) -> None:
    @dag(
        dag_id=f"{territory.code}.backfill",
        schedule=None,
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params={
            "first_day": Param("2024-01-01", type="string", format="date", description="First local day to read."),
            "end_day": Param("2024-02-01", type="string", format="date", description="First local day after them."),
        },
        tags=["backfill", territory.code],
        doc_md=__doc__,
    )
    def backfill() -> None:
        def asked() -> tuple[date, date]:
            params = get_current_context()["params"]
            return asked_days(params["first_day"], params["end_day"])

        def extract(feed_id: str, first_day: date, end_day: date) -> str:
            from observatory import pipeline
            from observatory.airflow_connection import warehouse_url
            from observatory.portals import territory_in_use

            city, window = territory_in_use(territory.code), Window(first_day, end_day, territory.timezone)
            return str(pipeline.extract(warehouse_url("loader"), city, feed_id, window))

        @task(retries=2, retry_policy=assets.RETRY)
        def zones() -> None:
            for feed_id in zone_feeds(territory):
                extract(feed_id, *asked())

        @task
        def months() -> list[list[str]]:
            return [[feed_id, str(w.first_day), str(w.end_day)] for feed_id, w in monthly_windows(territory, *asked())]

        @task(retries=3, retry_policy=assets.RETRY, max_active_tis_per_dag=2, map_index_template="{{ window }}")
        def incidents(month: list[str]) -> str:
            get_current_context()["window"] = f"{month[0]} {month[1][:7]}"
            return extract(month[0], date.fromisoformat(month[1]), date.fromisoformat(month[2]))

        @task(retries=1, retry_delay=timedelta(seconds=30))
        def backtest() -> str:
            from ml import run
            from observatory.airflow_connection import warehouse_address

            days, groups = backtest_days(asked()[1]), territory.forecast.category_groups
            return str(run.backtest(warehouse_address("forecaster"), territory.code, *days, groups=groups))

        transform = TriggerDagRunOperator(
            task_id="transform",
            trigger_dag_id=f"{territory.code}.transform",
            conf={"first_day": "{{ params.first_day }}", "end_day": "{{ params.end_day }}"},
            wait_for_completion=True,
            poke_interval=2,
        )
        windows = months()
        zones() >> windows
        incidents.expand(month=windows) >> transform >> backtest()

    backfill()


for city in load_readable_territories().values():
    backfill_dag(city)
