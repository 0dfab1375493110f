"""Read one feed of one city: the last complete local day, and as far back as the feed corrects itself."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronPartitionTimetable, dag, get_current_context, task

from observatory import assets
from observatory.schedule import window_of_day
from observatory.territory import Territory, load_readable_territories


def extract_dag(territory: Territory, feed_id: str) -> None:
    feed = territory.feeds[feed_id]

    @dag(
        dag_id=f"{territory.code}.extract.{feed_id}",
        schedule=CronPartitionTimetable(
            territory.schedule,
            timezone=territory.timezone,
            run_offset=-1,
            key_format=assets.KEY_FORMAT,
            run_immediately=timedelta(),
        ),
        # no start date: the first scheduled run is the next one due, not yesterday's the moment the DAG is unpaused
        catchup=False,
        max_active_runs=1,
        tags=["extract", territory.code, feed.kind],
        doc_md=f"{__doc__}\n\n{feed.kind} from {feed.owner}, {feed.source.address}. {feed.terms}.",
    )
    def extract() -> None:
        @task(retries=3, retry_policy=assets.RETRY, outlets=[assets.raw(territory, feed_id)])
        def load(territory_code: str) -> str:
            from observatory import pipeline
            from observatory.airflow_connection import warehouse_url
            from observatory.portals import territory_in_use

            city = territory_in_use(territory_code)
            day = assets.day_of_run(get_current_context(), city)
            window = window_of_day(city, feed_id, day)
            return str(pipeline.extract(warehouse_url("loader"), city, feed_id, window))

        load(territory.code)

    extract()


for city in load_readable_territories().values():
    for feed_of_city in city.feeds:
        extract_dag(city, feed_of_city)
