"""`observatory-ml map`: draw a stored forecast."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ml.cli.options import Day, Territory, Url, require_url


def draw_map(
    territory: Territory,
    day: Day,
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")],
    group: Annotated[str, typer.Option("--group", help="Category group.")],
    url: Url = "",
) -> None:
    """Draw the stored forecast of --day."""
    from ml.cli.printing import console
    from ml.jobs import warehouse

    console.print(str(warehouse.draw_map(require_url(url), territory, day.date(), group, out)))
