"""Build a city's facts once its feeds have loaded a day: one dbt process, one visible task per model.

Each model rebuilds what was loaded since it was last built: those records, however old they are, and the local days
they belong to now or belonged to before a correction. Set `first_day` and `end_day` to rebuild a range of days anyway.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import AssetAll, Param, PartitionedAssetTimetable, dag, get_current_context, task

from observatory.orchestration import assets, needs
from observatory.orchestration.dbt import build
from observatory.territory.city import Territory
from observatory.warehouse.territory_state import territories_in_use


def transform_dag(territory: Territory) -> None:
    arrived = [assets.raw(territory, feed_id) for feed_id in needs.feeds_awaited(territory)]

    @dag(
        dag_id=f"{territory.code}.transform",
        schedule=PartitionedAssetTimetable(assets=AssetAll(*arrived)),
        start_date=datetime(2024, 1, 1, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params={
            "first_day": Param(None, type=["null", "string"], format="date", description="First local day to rebuild."),
            "end_day": Param(None, type=["null", "string"], format="date", description="First local day after them."),
        },
        tags=["transform", territory.code],
        default_args={"owner": assets.OWNER},
        description=f"Build the facts of {territory.name} from what was loaded",
        doc_md=__doc__,
    )
    def transform() -> None:
        @task
        def window() -> dict[str, str]:
            from observatory.warehouse.territory_state import clock

            context = get_current_context()
            days = {name: context["params"][name] or "" for name in ("first_day", "end_day")}
            return {**days, "as_of": clock(territory).isoformat(timespec="seconds")}

        @task(outlets=[assets.core(territory)])
        def publish() -> None:
            # a run that a person or a backfill started has no day of its own, and rebuilds many
            context = get_current_context()
            assets.announce(context, assets.core(territory), context.get("partition_key"))

        window() >> build(territory.code, window_task="window") >> publish()

    transform()


for city in territories_in_use().values():
    transform_dag(city)
