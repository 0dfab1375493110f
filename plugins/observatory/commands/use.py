"""``observatory use``: choose the cities that Airflow shows and runs."""

from __future__ import annotations

from typing import Annotated

import typer

from observatory.commands import options


def use(
    territories: Annotated[list[str], typer.Argument(help="Codes of cities: names of files in territories/.")],
) -> None:
    """Give cities their DAGs in Airflow.

    As long as none is chosen, every city has them. Airflow shows the change within two minutes.
    """
    from observatory.warehouse import territory_state

    territory_state.use(territories)
    options.console().print(f"In use: {', '.join(territory_state.codes_in_use())}", highlight=False)
