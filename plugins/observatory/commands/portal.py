"""``observatory portal`` and ``push-token``: serve a portal on this machine, and a simulated sender's token."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from observatory.commands import options


def portal(
    replay: Annotated[Path | None, typer.Option(help="Folder of recorded rows to serve as a city's portal.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Serve the simulated city.")] = False,
    today: Annotated[
        datetime | None, typer.Option(formats=options.DAY, help="The day to treat as today in the simulated city.")
    ] = None,
    *,
    population: Annotated[int, typer.Option(min=5_000, help="People in the simulated city.")] = 200_000,
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1.")] = 8791,
    faults: Annotated[
        float, typer.Option(min=0, max=1, help="Share of responses that fail once and succeed when asked for again.")
    ] = 0,
    faults_seed: Annotated[int, typer.Option(help="Seed of the order in which responses fail.")] = 1,
    push_to: Annotated[
        str | None, typer.Option(help="Address of Airflow, to which the simulated city's partners send files.")
    ] = None,
    leave_in: Annotated[
        Path | None, typer.Option(help="Folder in which a partner of the simulated city keeps its database.")
    ] = None,
) -> None:
    """Serve a portal: recorded rows, or the simulated city."""
    if demo == (replay is not None):
        raise typer.BadParameter("give either --demo or --replay FOLDER")
    from observatory.simulator import portal as city_portal
    from observatory.simulator.servers.faults.desk import sometimes

    day, planted = options.as_date(today), sometimes(faults, faults_seed)
    app = (
        city_portal.replay_app(replay, faults=planted)
        if replay
        else city_portal.demo_app(day, population=population, faults=planted)
    )
    if demo and push_to:
        from observatory.simulator.partners import push

        push.keep_sending(push_to, day, population)
    if demo and leave_in:
        from observatory.simulator.partners import database

        database.keep_written(city_portal.ledger_of(day, population=population), leave_in)
    options.console().print(f"Portal on http://127.0.0.1:{port}", highlight=False)
    city_portal.serve(app, port)


def push_token(territory: options.City, feed: options.Feed) -> None:
    """Print the token of a simulated city's sender.

    The token of a real sender is set by the operator and never printed.
    """
    from observatory.territory.files import load_territory
    from observatory.web.push.tokens import printable_token

    print(printable_token(load_territory(territory), feed))
