"""The command: a city's file, its examination, and what is printed of it."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from observatory.doctor.examine import examine
from observatory.doctor.report import Report
from observatory.doctor.show import show
from observatory.errors import TerritoryError
from observatory.territory.files import load_territory


def run(
    code: str, portal: str | None, samples: Path | None, day: date | None, console: Console, *, as_json: bool
) -> int:
    """Examine a city and print the report.

    Args:
        code: the territory.
        portal: address or folder that replaces every source's own address.
        samples: folder of recorded samples.
        day: what counts as today; the city's today by default.
        console: where tables go; a document goes to standard output as it is.
        as_json: one JSON document instead of tables.

    Returns:
        The exit code.

    Raises:
        TerritoryError: the file cannot be acted on; said in the document instead where one is wanted.
    """
    try:
        territory = load_territory(code)
    except TerritoryError as error:
        if not as_json:
            raise
        report = Report(code, problem=str(error))
        print(json.dumps(report.as_document(), indent=2, ensure_ascii=False))
        return report.exit_code
    if portal is not None:
        territory = territory.with_portal(portal if "://" in portal else str(Path(portal).resolve()))
    today = day or datetime.now(ZoneInfo(territory.timezone)).date()
    with console.status("", spinner="dots") as status:
        report = examine(territory, today, samples, lambda what: status.update(f"Asking {what} …"))
    if as_json:
        print(json.dumps(report.as_document(), indent=2, ensure_ascii=False))
    else:
        show(console, report, territory.name)
    return report.exit_code
