"""Score the forecast of a day once the day is complete, and the baselines on the same day for comparison.

Starts when the transform has built a day. The scores are written to `ml.forecast_score`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import PartitionedAssetTimetable, dag, get_current_context, task

from observatory.orchestration import assets
from observatory.territory.city import Territory
from observatory.warehouse.territory_state import territories_in_use


def score_dag(territory: Territory) -> None:
    @dag(
        dag_id=f"{territory.code}.score",
        schedule=PartitionedAssetTimetable(assets=assets.core(territory)),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        tags=["score", territory.code],
        default_args={"owner": assets.OWNER},
        description=f"Score the last forecast of {territory.name} and compare it with simple methods",
        doc_md=__doc__,
    )
    def score() -> None:
        @task(retries=1, retry_delay=timedelta(seconds=30))
        def write() -> str:
            from ml.jobs import scoring
            from observatory.orchestration.connections import warehouse_address

            day = assets.day_of_run(get_current_context(), territory)
            return str(scoring.score(warehouse_address("forecaster"), territory.code, day))

        write()

    score()


for city in territories_in_use().values():
    score_dag(city)
