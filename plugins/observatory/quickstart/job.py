"""The main job: bring one city from nothing to today's forecast through the real scheduler, and say where to look."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from observatory.errors import RangeError
from observatory.local import services
from observatory.local.environment import child_environment, port
from observatory.orchestration.api_client import AirflowApi, now
from observatory.quickstart.feeds import Outcomes, read_every_feed, required_feeds
from observatory.quickstart.progress import Step, Steps, _steps
from observatory.quickstart.summary import groups_forecast, print_summary
from observatory.settings import state_folder
from observatory.simulator.partners import push
from observatory.simulator.world.simulation import Simulation
from observatory.territory import overrides
from observatory.territory.city import Territory, inboxes
from observatory.territory.files import load_territory

HISTORY_YEARS = 2


def run(code: str, portal: str | None, day: date | None, since: date | None, console: Console) -> None:
    """Load history, forecast yesterday as it was known the day before, score that, and forecast today.

    Args:
        code: the territory.
        portal: address or folder that replaces the city's own portal, if any.
        day: what counts as today; the city's today by default.
        since: first day of the history; two years before today by default.
        console: where progress and the summary go.

    Raises:
        ObservatoryError: a step failed; the message says which, why and what to do.
    """
    territory = load_territory(code)
    today, first_day = _asked_days(territory, day, since)
    with _steps(console) as steps:
        with steps.step("Start PostgreSQL and Airflow") as step:
            services.start_warehouse(step.say)
            _choose_portal(territory, portal, day)
            overrides.require_answer(overrides.territory_in_use(code), required_feeds(territory))
            services.up(step.say)
            api = AirflowApi(f"http://127.0.0.1:{port('api')}", services.ADMIN, services.airflow_password())
            api.unpause(_dag_ids(territory))
        if inboxes(territory):
            with steps.step("Take what partners sent") as step:
                _take_deliveries(api, territory, day, step)
        end_day = today - timedelta(days=1)
        _load_history(api, territory, first_day, end_day, steps)
        before, yesterday = str(today - timedelta(days=2)), str(end_day)
        with steps.step(f"Forecast {yesterday}, as known then") as step:
            api.follow(f"{code}.forecast", api.trigger(f"{code}.forecast", before), step.progress)
        feeds = _daily_run(api, territory, yesterday, steps)
        with steps.step("Draw the maps"):
            maps = _draw_maps(territory, today)
    print_summary(console, territory, today, feeds, maps)


def _asked_days(territory: Territory, day: date | None, since: date | None) -> tuple[date, date]:
    """Today, and the first day of the history."""
    calendar = datetime.now(ZoneInfo(territory.timezone)).date()
    today = day or calendar
    if today > calendar:
        raise RangeError(
            "day",
            found=str(today),
            expected=f"{calendar}, which is today in {territory.name}, or a day before",
            action="Name a day that has come, or none for today.",
        )
    end_day = today - timedelta(days=1)
    first_day = since or end_day.replace(day=1, year=end_day.year - HISTORY_YEARS)
    if first_day >= end_day:
        raise RangeError(
            "since",
            found=str(first_day),
            expected=f"a day before {end_day}, so that there is a history as of {today}",
            action="Name an earlier one, or none for two years.",
        )
    return today, first_day


def _draw_maps(territory: Territory, today: date) -> list[Path]:
    """Draw the forecast of each group that has one, by the forecasting library's own command."""
    folder = state_folder() / "maps"
    folder.mkdir(exist_ok=True)
    drawn = []
    for group in groups_forecast(territory, today):
        drawn.append(folder / f"{territory.code}_{group}_{today}.png")
        options = ["--territory", territory.code, "--day", str(today), "--group", group, "--out", str(drawn[-1])]
        services.finish(["observatory-ml", "map", *options], child_environment())
    return drawn


def _choose_portal(territory: Territory, portal: str | None, day: date | None) -> None:
    overrides.remember_today(territory.code, day)
    if portal is not None:
        overrides.remember(territory.code, portal if "://" in portal else str(Path(portal).resolve()))
    elif territory.code == "demo":
        services.serve_demo(day)
    else:
        overrides.remember(territory.code, None)


def _dag_ids(territory: Territory) -> list[str]:
    code = territory.code
    extracts = [f"{code}.extract.{feed_id}" for feed_id in territory.feeds]
    return [*extracts, *(f"{code}.{step}" for step in ("backfill", "transform", "forecast", "score", "now"))]


def _load_history(api: AirflowApi, territory: Territory, first_day: date, end_day: date, steps: Steps) -> None:
    conf = {"first_day": str(first_day), "end_day": str(end_day)}
    with steps.step(f"Load {first_day} to {end_day - timedelta(days=1)} in monthly windows") as step:
        api.follow(f"{territory.code}.backfill", api.trigger(f"{territory.code}.backfill", conf=conf), step.progress)


def _take_deliveries(api: AirflowApi, territory: Territory, day: date | None, step: Step) -> None:
    if territory.code == push.CITY:
        push.send(push.declared(Simulation(), push.beginning_of(day)), f"http://127.0.0.1:{port('api')}")
    yesterday = (day or datetime.now(ZoneInfo(territory.timezone)).date()) - timedelta(days=1)
    for feed_id in inboxes(territory):
        dag_id = f"{territory.code}.extract.{feed_id}"
        api.follow(dag_id, api.trigger(dag_id, str(yesterday)), step.progress)


def _daily_run(api: AirflowApi, territory: Territory, yesterday: str, steps: Steps) -> Outcomes:
    """Read every feed; transform, score and forecast are started by the data, as on every morning."""
    code, since = territory.code, now()
    with steps.step(f"Read every feed, until {yesterday} or until now") as step:
        feeds = read_every_feed(api, territory, yesterday, step.progress)
        step.conclude(str(feeds))
    for title, dag_id in (
        (f"Transform {yesterday}", f"{code}.transform"),
        (f"Score the forecast of {yesterday}", f"{code}.score"),
        ("Forecast today", f"{code}.forecast"),
    ):
        with steps.step(title) as step:
            api.follow(dag_id, api.run_of(dag_id, yesterday, since), step.progress)
    with steps.step("Refresh what is shown as of now") as step:
        api.follow(f"{code}.now", api.trigger(f"{code}.now"), step.progress)
    return feeds
