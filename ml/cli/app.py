"""`observatory-ml`: train, forecast, score and map in a warehouse; backtest on a warehouse or on files; tune."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ml.cli.backtest import backtest
from ml.cli.nij import nij
from ml.cli.options import Day, Groups, Territory, Url, given, listed
from ml.cli.printing import console, print_forecast, print_scores
from ml.cli.tune import tune
from ml.errors import ForecastError

USER_MISTAKE = 2
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
app.command()(backtest)
app.command()(nij)
app.command()(tune)


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    try:
        app()
    except ForecastError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USER_MISTAKE)


@app.command()
def train(territory: Territory, day: Day, url: Url = "", groups: Groups = None) -> None:
    """Train one model per category group on what was known on the morning of --day, and store it."""
    from ml.jobs import warehouse

    for group, identity in warehouse.train(given(url), territory, day.date(), listed(groups)).items():
        console.print(f"{group}: model {identity[:12]}")


@app.command()
def forecast(territory: Territory, day: Day, url: Url = "", groups: Groups = None) -> None:
    """Forecast --day for every cell and write it to the warehouse."""
    from ml.jobs import warehouse

    print_forecast(warehouse.forecast(given(url), territory, day.date(), listed(groups)))


@app.command()
def score(territory: Territory, day: Day, url: Url = "") -> None:
    """Score the stored forecast of --day beside the baselines."""
    from ml.jobs import scoring

    summary = scoring.score(given(url), territory, day.date())
    print_scores(f"{territory} {summary.first_day}, as issued", summary.scores)
    for group, reason in summary.skipped.items():
        console.print(f"{group}: not scored: {reason}")


@app.command(name="map")
def draw_map(
    territory: Territory,
    day: Day,
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")],
    group: Annotated[str, typer.Option("--group", help="Category group.")],
    url: Url = "",
) -> None:
    """Draw the stored forecast of --day."""
    from ml.jobs import warehouse

    console.print(str(warehouse.draw_map(given(url), territory, day.date(), group, out)))


if __name__ == "__main__":
    main()
