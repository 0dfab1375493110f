"""`observatory-ml tune`: search the trees' settings for a city's files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def tune(
    *,
    incidents: Annotated[Path, typer.Option(help="Parquet of incidents.")],
    boundary: Annotated[Path, typer.Option(help="GeoJSON of the city.")],
    epsg: Annotated[int, typer.Option(help="Reference system of the cells, in metres.")],
    until: Annotated[datetime, typer.Option("--until", formats=["%Y-%m-%d"], help="First day that must not be seen.")],
    out: Annotated[Path, typer.Option("--out", help="JSON to write, for backtest --settings.")],
    cell_size_m: Annotated[int, typer.Option(min=10, help="Side of a cell, metres.")] = 250,
    category: Annotated[str, typer.Option(help="Category code, group name, or all.")] = "all",
    groups: Annotated[Path | None, typer.Option(help="YAML of groups.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Settings to try, at most.")] = 40,
    minutes: Annotated[float, typer.Option(min=0.01, help="Minutes after which no further settings are tried.")] = 10.0,
) -> None:
    """Search the trees' settings on the days before --until, validated on later days than they learned from."""
    from ml.cli.printing import Steps, console, progress_bar
    from ml.files.city import read_city, read_groups
    from ml.files.forecasts import check_file
    from ml.files.settings import write_settings
    from ml.models import tuning

    check_file(out, "--out")
    city = read_city(
        incidents, boundary, epsg=epsg, cell_size_m=cell_size_m, category=category, groups=read_groups(groups)
    )
    with progress_bar() as bar:
        tuned = tuning.tune(city.panel, until.date(), trials=trials, seconds=60 * minutes, progress=Steps(bar))
    write_settings(tuned.settings, out)
    for what, validation in (("defaults", tuned.before), ("best", tuned.validation)):
        console.print(
            f"{what}: {validation.gain:+.4f} ± {validation.standard_error:.4f} nats per incident over the mixture, "
            f"{validation.rounds} rounds"
        )
    console.print(f"{tuned.tried} settings tried; the best are in {out}")
