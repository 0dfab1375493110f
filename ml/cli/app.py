"""Train, forecast, score and map a city in a warehouse; backtest and tune on a warehouse or on files."""

from __future__ import annotations

import sys

import typer

from ml.cli.backtest import backtest
from ml.cli.forecast import forecast
from ml.cli.map import draw_map
from ml.cli.nij import nij
from ml.cli.score import score
from ml.cli.train import train
from ml.cli.tune import tune
from ml.errors import ForecastError

USER_MISTAKE = 2
# plain help: importing rich would take longer than all else that --help needs
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
    context_settings={"max_content_width": 120},
)
for command in (backtest, nij, tune, train, forecast, score):
    app.command()(command)
app.command(name="map")(draw_map)


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    try:
        app()
    except ForecastError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USER_MISTAKE)


if __name__ == "__main__":
    main()
