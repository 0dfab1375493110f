"""Forecast incidents on the first day after the last complete one, for every cell and category group.

Starts when the transform has built a day. The forecasts are written to `ml.hotspot_forecast`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context, task

from observatory.orchestration import assets
from observatory.territory.city import Territory
from observatory.warehouse.territory_state import territories_in_use


def forecast_dag(territory: Territory) -> None:
    @dag(
        dag_id=f"{territory.code}.forecast",
        schedule=PartitionedAssetTimetable(assets=assets.core(territory)),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["forecast", territory.code],
        default_args={"owner": assets.OWNER},
        description=f"Forecast the first day after the last complete one in {territory.name}",
        doc_md=__doc__,
    )
    def forecast() -> None:
        @task(retries=1, retry_delay=timedelta(seconds=30), outlets=[assets.forecast(territory)])
        def write() -> str:
            from ml.jobs import warehouse
            from observatory.orchestration.connections import warehouse_address

            tomorrow = assets.day_of_run(get_current_context(), territory) + timedelta(days=1)
            return str(
                warehouse.forecast(
                    warehouse_address("forecaster"), territory.code, tomorrow, groups=territory.forecast.category_groups
                )
            )

        write()

    forecast()


for city in territories_in_use().values():
    forecast_dag(city)
