"""`observatory-ml nij`: the forecasting challenge's rules on a city's files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ml.cli.options import listed


class Origins(StrEnum):
    """How often a forecast is made."""

    YEARLY = "yearly"
    WEEKLY = "weekly"


def nij(
    *,
    incidents: Annotated[Path, typer.Option(help="Parquet of incidents.")],
    boundary: Annotated[Path, typer.Option(help="GeoJSON of the city.")],
    epsg: Annotated[int, typer.Option(help="Reference system of the cells, in metres.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First origin.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last origin, at the latest.")],
    origins: Annotated[
        Origins, typer.Option(help="yearly: the day of --from each year, 1 week to 3 months; weekly: 1 week.")
    ] = Origins.YEARLY,
    category: Annotated[str, typer.Option(help="Category code, group name, or all.")] = "all",
    groups: Annotated[Path | None, typer.Option(help="YAML of groups.")] = None,
    cell_size_m: Annotated[int, typer.Option(help="Side of a cell, 77 to 182 metres.")] = 77,
    refit_origins: Annotated[int, typer.Option(min=1, help="Weekly origins that share one training.")] = 13,
    methods: Annotated[
        str | None, typer.Option(help="Methods, comma-separated, or all; default ours and baselines.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Parquet of every method's forecasts.")] = None,
    scores: Annotated[Path | None, typer.Option("--scores", help="CSV of every origin's scores.")] = None,
) -> None:
    """Forecast as the NIJ challenge asked: small cells flagged for weeks and months from an origin, PAI and PEI."""
    from ml.cli.printing import Steps, print_nij, progress_bar
    from ml.jobs.file_nij import NijTest, run_nij

    test = NijTest(
        incidents=incidents,
        boundary=boundary,
        epsg=epsg,
        cell_size_m=cell_size_m,
        category=category,
        groups=groups,
        first_origin=first.date(),
        last_origin=last.date(),
        is_weekly=origins is Origins.WEEKLY,
        refit_origins=refit_origins,
        methods=listed(methods),
    )
    with progress_bar() as bar:
        result = run_nij(test, out, scores, Steps(bar))
    print_nij(f"{category}, origins {origins} {first.date()}..{last.date()}", cell_size_m, result)
