"""Read one feed of one city, once a day or every few minutes, from where its last successful run ended."""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task

from observatory.orchestration import assets
from observatory.orchestration.feed_docs import cadence, page, summary
from observatory.territory.city import Territory
from observatory.warehouse.territory_state import territories_in_use


def extract_dag(territory: Territory, feed_id: str) -> None:
    feed = territory.feeds[feed_id]
    raw, is_live = assets.raw(territory, feed_id), feed.cadence_min is not None

    @dag(
        dag_id=f"{territory.code}.extract.{feed_id}",
        schedule=assets.schedule(territory, feed_id),
        # no start date: unpausing the DAG waits for the next scheduled run instead of starting yesterday's at once
        catchup=False,
        max_active_runs=1,
        default_args={"owner": feed.owner},
        tags=["extract", territory.code, feed.kind, cadence(feed)],
        description=summary(territory, feed_id),
        doc_md=page(territory, feed_id),
    )
    def extract() -> None:
        # a live feed has no retries: its next run reads what this one could not read
        @task(retries=0 if is_live else 3, retry_policy=assets.RETRY, outlets=[raw])
        def load(territory_code: str) -> str:
            from observatory.ingest import runs
            from observatory.orchestration.connections import warehouse_url
            from observatory.warehouse.territory_state import clock, effective_territory

            city, url, context = effective_territory(territory_code), warehouse_url("loader"), get_current_context()
            day = assets.day_asked(context, city, feed_id)
            if day:
                reading = runs.extract_day(url, city, feed_id, day)
            else:
                reading = runs.extract_until(url, city, feed_id, clock(city))
            if is_live:
                assets.announce(context, raw, reading.completed_day)
            return str(reading)

        load(territory.code)

    extract()


for city in territories_in_use().values():
    for feed_of_city in city.feeds:
        extract_dag(city, feed_of_city)
