"""Arguments and options that several commands share.

The modules of commands import only typer at the top and everything else where it is used, so that ``--help`` is fast.
"""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

DAY = ["%Y-%m-%d"]
MOMENT = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
PIPE_WIDTH = 110
"""Columns of a table where the output is a file or a pipe."""

City = Annotated[str, typer.Argument(help="Code of the city: the name of its file in territories/.")]
Feed = Annotated[str, typer.Argument(help="One of the city's feeds.")]
Portal = Annotated[str | None, typer.Option(help="Address or folder to read instead of the city's own portal.")]
Today = Annotated[datetime | None, typer.Option("--day", formats=DAY, help="The day to treat as today.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def console() -> Console:
    """A console on standard output."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)


def as_date(moment: datetime | None) -> date | None:
    """The day of a date option."""
    return moment.date() if moment else None


def portal_address(portal: str) -> str:
    """A portal option as an address: a folder's path is made absolute."""
    return portal if "://" in portal else str(Path(portal).resolve())
