"""Bring one city from nothing to today's forecast through Airflow's scheduler, and print where to look."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from observatory.errors import RangeError
from observatory.local import services
from observatory.local.environment import child_environment, port
from observatory.orchestration.api_client import AirflowApi, now
from observatory.quickstart.feeds import Outcomes, await_deliveries, read_every_feed, required_feeds, start_feeds
from observatory.quickstart.progress import Steps, show_steps
from observatory.quickstart.summary import groups_forecast, print_summary
from observatory.settings import state_folder
from observatory.territory.city import Territory
from observatory.territory.files import load_territory
from observatory.territory.reachability import require_answer
from observatory.warehouse import territory_state

HISTORY_YEARS = 2


def run(code: str, portal: str | None, day: date | None, since: date | None, console: Console) -> None:
    """Load history, forecast yesterday from what was known the day before, score that, and forecast today.

    Args:
        code: the territory.
        portal: address, or absolute path of a folder, that replaces the city's own portal, if any.
        day: the day to treat as today; the city's today by default.
        since: first day of the history; two years before today by default.
        console: for progress and the summary.

    Raises:
        ObservatoryError: a step failed.
    """
    territory = load_territory(code)
    today, first_day = _asked_days(territory, day, since)
    with show_steps(console) as steps:
        with steps.step("Start PostgreSQL and Airflow") as step:
            services.start_warehouse(step.say)
            territory_state.use([code])
            _choose_portal(territory, portal, day)
            if portal is not None or not territory.simulator:
                require_answer(territory_state.effective_territory(code), required_feeds(territory))
            services.up(step.say)
            if portal is None and territory.simulator:
                services.await_simulator()
            api = AirflowApi(f"http://127.0.0.1:{port('api')}", services.ADMIN, services.airflow_password())
            api.unpause(_dag_ids(territory))
        end_day = today - timedelta(days=1)
        started = start_feeds(api, territory, str(end_day))
        history = _load_history(api, territory, first_day, end_day, steps)
        before, yesterday = str(today - timedelta(days=2)), str(end_day)
        with steps.step(f"Forecast {yesterday}, as known then") as step:
            api.follow(f"{code}.forecast", api.trigger(f"{code}.forecast", before), step.progress)
        feeds = _daily_run(api, territory, yesterday, started, steps)
        with steps.step("Backtest the last weeks, since the history was loaded") as step:
            api.follow(f"{code}.backfill", history, step.progress)
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
            action="Choose an earlier day, or none for today.",
        )
    end_day = today - timedelta(days=1)
    first_day = since or end_day.replace(day=1, year=end_day.year - HISTORY_YEARS)
    if first_day >= end_day:
        raise RangeError(
            "since",
            found=str(first_day),
            expected=f"a day before {end_day}, so that there is a history as of {today}",
            action="Choose an earlier day, or none for two years.",
        )
    return today, first_day


def _draw_maps(territory: Territory, today: date) -> list[Path]:
    """Draw the forecast of each group that has one, with the command ``observatory-ml map``."""
    folder = state_folder() / "maps"
    folder.mkdir(exist_ok=True)
    drawn, commands = list[Path](), list[list[str]]()
    for group in groups_forecast(territory, today):
        drawn.append(folder / f"{territory.code}_{group}_{today}.png")
        options = ["--territory", territory.code, "--day", str(today), "--group", group, "--out", str(drawn[-1])]
        commands.append(["observatory-ml", "map", *options])
    services.finish_all(commands, child_environment())
    return drawn


def _choose_portal(territory: Territory, portal: str | None, day: date | None) -> None:
    territory_state.override_today(territory.code, day)
    if portal is not None:
        territory_state.override_portal(territory.code, portal)
    elif territory.simulator:
        services.start_simulator(territory, day)
    else:
        territory_state.override_portal(territory.code, None)


def _dag_ids(territory: Territory) -> list[str]:
    code = territory.code
    extracts = [f"{code}.extract.{feed_id}" for feed_id in territory.feeds]
    return [*extracts, *(f"{code}.{step}" for step in ("backfill", "transform", "forecast", "score", "now"))]


def _load_history(api: AirflowApi, territory: Territory, first_day: date, end_day: date, steps: Steps) -> str:
    """Load and transform the history; returns the id of its run, which then goes on with the backtest."""
    dag_id, conf = f"{territory.code}.backfill", {"first_day": str(first_day), "end_day": str(end_day)}
    with steps.step(f"Load {first_day} to {end_day - timedelta(days=1)} in monthly windows") as step:
        run_id = api.trigger(dag_id, conf=conf)
        api.follow(dag_id, run_id, step.progress, until="transform")
    return run_id


def _daily_run(
    api: AirflowApi, territory: Territory, yesterday: str, started: dict[str, str], steps: Steps
) -> Outcomes:
    """Read every feed; the loaded day then starts transform, score and forecast, as it does every day."""
    code, since = territory.code, now()
    with steps.step(f"Read every feed, up to {yesterday} or up to now") as step:
        if territory.simulator:
            await_deliveries(territory)
        feeds = read_every_feed(api, territory, yesterday, started, step.progress)
        step.conclude(str(feeds))
    for title, dag_id in (
        (f"Transform {yesterday}", f"{code}.transform"),
        (f"Score the forecast of {yesterday}", f"{code}.score"),
        ("Forecast today", f"{code}.forecast"),
    ):
        with steps.step(title) as step:
            run_id = api.run_of(dag_id, yesterday, since)
            api.follow(dag_id, run_id, step.progress)
            step.took(api.span(dag_id, run_id))
    with steps.step("Rebuild the live marts") as step:
        api.follow(f"{code}.now", api.trigger(f"{code}.now"), step.progress)
    return feeds
