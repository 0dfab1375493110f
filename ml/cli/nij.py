"""`observatory-ml nij`: the forecasting challenge's rules on a city's files."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from ml.cli.options import listed
from ml.cli.printing import Steps, console, progress_bar

if TYPE_CHECKING:
    from ml.jobs.file_nij import NijResult


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
    _print(f"{category}, origins {origins} {first.date()}..{last.date()}", cell_size_m, result)


def _print(title: str, cell_size_m: int, result: NijResult) -> None:
    for note in result.notes:
        console.print(f"note: {note}")
    console.print(f"\n{title}, cells of {cell_size_m} m, city of {result.city_square_miles:.1f} square miles")
    table = Table("window", "method", box=None, pad_edge=False)
    for name in ("origins", "incidents", "expected", "IG", "PAI .25/.75", "PEI .25/.75"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.measures:
        table.add_row(
            row.window,
            row.method,
            str(row.origins),
            str(row.incident_count),
            f"{row.expected_count:.0f}",
            "" if row.information_gain is None else f"{row.information_gain:.3f}",
            "/".join(f"{value:.1f}" for value in row.pai.values() if value is not None),
            "/".join(f"{value:.3f}" for value in row.pei.values() if value is not None),
        )
    console.print(table)
    console.print(
        "\nIG: nats per incident over a flat map at the mean of the 28 days before the origin."
        "\nPAI and PEI with .25 and .75 square miles flagged."
    )
    if result.differences:
        console.print("\nours minus method, 95 % interval (resampled weeks)")
        table = Table("method", box=None, pad_edge=False)
        for measure in dict.fromkeys(row.measure for row in result.differences):
            table.add_column(measure.replace("_", " "), justify="right", no_wrap=True)
        for method in dict.fromkeys(row.method for row in result.differences):
            own = (row for row in result.differences if row.method == method)
            table.add_row(method, *(str(row).replace("[", r"\[") for row in own))
        console.print(table)
