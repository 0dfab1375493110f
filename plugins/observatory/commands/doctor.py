"""``observatory doctor``: examine a city and print what was found."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from observatory.commands import options
from observatory.errors import TerritoryError

if TYPE_CHECKING:
    from rich.console import Console


def doctor(
    territory: options.City,
    portal: options.Portal = None,
    sample: Annotated[Path | None, typer.Option(help="Folder of recorded samples, one per feed.")] = None,
    day: options.Today = None,
    as_json: options.AsJson = False,
) -> None:
    """Check a city's file and its feeds.

    Reads a sample of each feed, and checks whether the city has enough history for a forecast.
    Exit code 0: all well. 1: something a person must act on. 2: the file is wrong.
    """
    console = options.console()
    raise typer.Exit(examine_city(territory, portal, sample, options.as_date(day), console, as_json=as_json))


def examine_city(
    code: str, portal: str | None, samples: Path | None, day: date | None, console: Console, *, as_json: bool
) -> int:
    """Examine a city and print the report.

    Args:
        code: the territory.
        portal: address or folder that replaces every source's own address.
        samples: folder of recorded samples.
        day: the day to treat as today; the city's today by default.
        console: where tables are printed; JSON is written to standard output unchanged.
        as_json: print one JSON document instead of tables.

    Returns:
        The exit code.

    Raises:
        TerritoryError: the file is invalid; with ``as_json`` the document says so instead.
    """
    from observatory.doctor.examine import examine
    from observatory.doctor.report import Report
    from observatory.doctor.show import show
    from observatory.territory.files import load_territory

    try:
        territory = load_territory(code)
    except TerritoryError as error:
        if not as_json:
            raise
        report = Report(code, problem=str(error))
        print(json.dumps(report.as_document(), indent=2, ensure_ascii=False))
        return report.exit_code
    if portal is not None:
        territory = territory.with_portal(options.portal_address(portal))
    today = day or datetime.now(ZoneInfo(territory.timezone)).date()
    with console.status("", spinner="dots") as status:
        report = examine(territory, today, samples, lambda what: status.update(f"Reading {what} …"))
    if as_json:
        print(json.dumps(report.as_document(), indent=2, ensure_ascii=False))
    else:
        show(console, report, territory.name)
    return report.exit_code
