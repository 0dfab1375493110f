"""Read one feed of one city: once a day, or every few minutes; always as far back as it takes to miss nothing."""

from __future__ import annotations

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

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
        # no start date: the first scheduled run is the next one due, not yesterday's the moment the DAG is unpaused
        catchup=False,
        max_active_runs=1,
        default_args={"owner": feed.owner},
        tags=["extract", territory.code, feed.kind, cadence(feed)],
        description=summary(territory, feed_id),
        doc_md=page(territory, feed_id),
    )
    def extract() -> None:
        # what a live feed's run could not read, the next one does
        @task(
            retries=0 if feed.cadence_min else 3, retry_policy=assets.RETRY, outlets=[] if feed.cadence_min else [raw]
        )
        def load(territory_code: str) -> dict[str, str | None]:
            from observatory.ingest import runs
            from observatory.orchestration.connections import warehouse_url
            from observatory.warehouse.territory_state import clock, effective_territory

            city, url = effective_territory(territory_code), warehouse_url("loader")
            day = assets.day_asked(get_current_context(), city, feed_id)
            if day:
                reading = runs.extract_day(url, city, feed_id, day)
            else:
                reading = runs.extract_until(url, city, feed_id, clock(city))
            return {"read": str(reading), "completed_day": reading.completed_day and str(reading.completed_day)}

        @task(outlets=[raw])
        def announce(read: dict[str, str | None]) -> None:
            if not read["completed_day"]:
                raise AirflowSkipException("a day is announced once it is complete")
            get_current_context()["outlet_events"][raw].add_partitions(read["completed_day"])

        loaded = load(territory.code)
        if is_live:
            announce(loaded)

    extract()


for city in territories_in_use().values():
    for feed_of_city in city.feeds:
        extract_dag(city, feed_of_city)
