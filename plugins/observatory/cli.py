"""Load, check and forecast the records of a city, and run the services that do it."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from observatory.commands.backfill import backfill
from observatory.commands.doctor import doctor
from observatory.commands.extract import extract
from observatory.commands.portal import portal, push_token
from observatory.commands.quickstart import run
from observatory.commands.services import down, execute, status, up
from observatory.commands.simulate import simulate
from observatory.commands.text import app as text
from observatory.commands.use import use
from observatory.errors import ObservatoryError
from observatory.settings import NO_HIDDEN_CONFIGURATION, TELEMETRY_OFF


class Commands(TyperGroup):
    """The group of commands, with a default for ``--help``; without one typer imports pydantic to parse it."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option ``--help``, false by default."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.default = False
        return option


# help without rich: importing it takes longer than the rest of --help
app = typer.Typer(
    cls=Commands,
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for command in (run, use, up, down, status, doctor, extract, backfill, portal, push_token, simulate):
    app.command()(command)
app.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(execute)
app.add_typer(text, name="text")


def main() -> None:
    """Run a command; an expected error is printed as one message, without a stack trace, with exit code 2."""
    os.environ.update(TELEMETRY_OFF | NO_HIDDEN_CONFIGURATION)
    # servers of this machine are never reached through a proxy
    os.environ["NO_PROXY"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"]))
    try:
        app()
    except ObservatoryError as error:
        from rich.console import Console

        Console(stderr=True).print(f"[red]✗[/red] {error}", highlight=False, soft_wrap=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
