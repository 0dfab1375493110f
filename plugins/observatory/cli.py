"""The command ``observatory``: start, stop, look, run by hand."""

from __future__ import annotations

import json
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from observatory.commands.simulate import simulate
from observatory.commands.text import app as text_app
from observatory.errors import ObservatoryError
from observatory.settings import NO_HIDDEN_CONFIGURATION, TELEMETRY_OFF

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(text_app, name="text")
app.command()(simulate)
# tables keep their columns where the output is a file
console = Console(width=None if sys.stdout.isatty() else 110)
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
Day = Annotated[datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="What counts as today.")]


@app.command()
def run(
    territory: Annotated[str, typer.Argument(help="Code of the city: the name of its file in territories/.")] = "demo",
    portal: Annotated[str | None, typer.Option(help="Address or folder that replaces the city's own portal.")] = None,
    day: Day = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="First day of the history; two years before by default."),
    ] = None,
) -> None:
    """Bring a city from nothing to today's forecast through the scheduler, and say where to look."""
    from observatory.quickstart.job import run as run_main_job

    run_main_job(territory, portal, _date(day), _date(since), console)


@app.command()
def up() -> None:
    """Start PostgreSQL and Airflow."""
    from observatory.local import services

    services.up(console.print)
    _print_status()


@app.command()
def down() -> None:
    """Stop everything; no process is left."""
    from observatory.local import services

    services.down(console.print)


@app.command()
def status(as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False) -> None:
    """Show addresses and the state of each process."""
    from observatory.local import services

    if as_json:
        print(json.dumps(services.status(), indent=2))
    else:
        _print_status()


@app.command()
def doctor(
    territory: Annotated[str, typer.Argument(help="Code of the city: the name of its file in territories/.")],
    portal: Annotated[str | None, typer.Option(help="Address or folder that replaces the city's own portal.")] = None,
    sample: Annotated[Path | None, typer.Option(help="Folder of recorded samples, one per feed.")] = None,
    day: Day = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check a city's file, ask each of its feeds for a little, and say whether it may be forecast.

    Exit code 0: all well. 1: something a person must act on. 2: the file is wrong.
    """
    from observatory.commands.doctor import run as examine

    raise typer.Exit(examine(territory, portal, sample, _date(day), console, as_json=as_json))


@app.command()
def extract(
    territory: Annotated[str, typer.Argument(help="Code of the city: the name of its file in territories/.")],
    feed: Annotated[str, typer.Argument(help="One of its feeds.")],
    day: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A local day, to read whole.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="First moment to read, the city's local time.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(formats=MOMENTS, help="First moment not to read, the city's local time.")
    ] = None,
) -> None:
    """Read one feed by hand: a day, a span of time, or, without either, whatever was not read yet until now."""
    if (since is None) != (until is None) or (day and since) or (since and until and until <= since):
        raise typer.BadParameter("say --day, or --since and a later --until, or neither")
    from observatory.commands.extract import by_hand

    console.print(str(by_hand(territory, feed, _date(day), since, until)), highlight=False, soft_wrap=True)


@app.command()
def backfill(  # noqa: PLR0917
    territory: Annotated[str, typer.Argument(help="Code of the city: the name of its file in territories/.")],
    feeds: Annotated[list[str] | None, typer.Argument(help="By default every feed that has a history_start.")] = None,
    since: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day to read.")] = datetime(2021, 1, 1),
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day not to read; today by default.")
    ] = None,
    portal: Annotated[str | None, typer.Option(help="Address or folder that replaces the city's own portal.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Read what is loaded, too.")] = False,
) -> None:
    """Read the history of a city's feeds in monthly windows, oldest first; without Airflow.

    Stop it at any moment and start it again: what is loaded is not read again. Exit code 1: some windows were refused.
    """
    from observatory.commands import backfill as history_command
    from observatory.territory import overrides

    city = overrides.territory_in_use(territory)
    if portal is not None:
        city = city.with_portal(portal if "://" in portal else str(Path(portal).resolve()))
    days = since.date(), _date(until)
    raise typer.Exit(history_command.run(city, feeds or [], days, console, again=again))


@app.command()
def serve_portal(
    replay: Annotated[Path | None, typer.Option(help="Folder of real rows to serve as the city's portal does.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Serve the simulated city.")] = False,
    today: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="What the simulated city's today is.")
    ] = None,
    *,
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1.")] = 8791,
    faults: Annotated[
        float, typer.Option(min=0, max=1, help="Share of answers that go wrong, and well when asked for again.")
    ] = 0,
    faults_seed: Annotated[int, typer.Option(help="Another seed is another order of faults.")] = 1,
    push_to: Annotated[
        str | None, typer.Option(help="Address of Airflow, to which the simulated city's partners send.")
    ] = None,
    leave_in: Annotated[
        Path | None, typer.Option(help="Folder in which a partner of the simulated city keeps its database.")
    ] = None,
) -> None:
    """Serve a city's portal on this machine: real rows replayed, or the simulated city."""
    if demo == (replay is not None):
        raise typer.BadParameter("say either --demo or --replay FOLDER")
    from observatory.simulator import portal
    from observatory.simulator.servers.faults.desk import sometimes

    planted = sometimes(faults, faults_seed)
    served = portal.replay_app(replay, faults=planted) if replay else portal.demo_app(_date(today), faults=planted)
    if demo and push_to:
        from observatory.simulator.partners import push

        push.keep_sending(push_to, _date(today))
    if demo and leave_in:
        from observatory.simulator.partners import database

        database.keep_written(portal.ledger_of(_date(today)), leave_in)
    console.print(f"Portal on http://127.0.0.1:{port}", highlight=False)
    portal.serve(served, port)


@app.command()
def push_token(
    territory: Annotated[str, typer.Argument(help="Code of the city.")],
    feed: Annotated[str, typer.Argument(help="One of its feeds that is sent.")],
) -> None:
    """Print the token with which a simulated city's partner sends; a real partner's is given from outside."""
    from observatory.territory.files import load_territory
    from observatory.web.push.tokens import printable_token

    print(printable_token(load_territory(territory), feed))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def exec(command: list[str]) -> None:  # noqa: A001
    """Run a command (airflow, dbt, observatory-ml, …) with the observatory's addresses and secrets around it."""
    from observatory.local.environment import child_environment

    os.execvpe(command[0], command, child_environment())  # noqa: S606


def _print_status() -> None:
    from observatory.local import services

    found = services.status()
    for name, process in found["processes"].items():
        mark = "[green]●[/green]" if process["pid"] else "[dim]○[/dim]"
        console.print(f"{mark} {name:<14} {process['state']}" + (f" (pid {process['pid']})" if process["pid"] else ""))
    for line in (
        f"Airflow    {found['airflow_url']}  user {found['airflow_user']}",
        f"Password   in {found['airflow_password_file']}",
        f"Warehouse  {found['warehouse_url'] or 'stopped'}",
    ):
        console.print(line, highlight=False, soft_wrap=True)


def _date(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def main() -> None:
    """Run the command; a user's mistake is one message and exit code 2, never a trace."""
    os.environ.update(TELEMETRY_OFF | NO_HIDDEN_CONFIGURATION)
    # a proxy set for the outside world cannot reach a server of this machine
    os.environ["NO_PROXY"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    try:
        app()
    except ObservatoryError as error:
        Console(stderr=True).print(f"[red]✗[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
