"""``observatory run``: bring a city from nothing to today's forecast."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from observatory.commands import options


def run(
    territory: options.City = "demo",
    portal: options.Portal = None,
    day: options.Today = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=options.DAY, help="First day of the history; by default two years before today."),
    ] = None,
) -> None:
    """Bring a city from nothing to today's forecast.

    Every step is a run in Airflow. At the end the addresses of the results are printed.
    """
    from observatory.quickstart import job

    address = None if portal is None else options.portal_address(portal)
    job.run(territory, address, options.as_date(day), options.as_date(since), options.console())
