"""`observatory-ml backtest`: on a warehouse or on files."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from ml.cli.options import Url, listed, require_url
from ml.errors import InputError


def backtest(
    *,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day forecast.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day forecast.")],
    territory: Annotated[str | None, typer.Option("--territory", help="A city of the warehouse.")] = None,
    url: Url = "",
    groups: Annotated[
        str | None, typer.Option("--groups", help="YAML of groups (files), or a comma-separated list (warehouse).")
    ] = None,
    incidents: Annotated[Path | None, typer.Option(help="Parquet of incidents.")] = None,
    boundary: Annotated[Path | None, typer.Option(help="GeoJSON of the city.")] = None,
    epsg: Annotated[int | None, typer.Option(help="Reference system of the cells, in metres.")] = None,
    cell_size_m: Annotated[int, typer.Option(min=10, help="Side of a cell, metres.")] = 250,
    category: Annotated[str, typer.Option(help="Category code, group name, or all.")] = "all",
    horizon_days: Annotated[int, typer.Option(min=1, help="Days ahead.")] = 1,
    refit_days: Annotated[int, typer.Option(min=1, help="Days between two trainings.")] = 28,
    methods: Annotated[
        str | None, typer.Option(help="Methods, comma-separated, or all; default ours and four baselines.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="JSON of our trees' settings, made by tune.")] = None,
    country: Annotated[str | None, typer.Option(help="Country whose holidays are used, e.g. US; default none.")] = None,
    context: Annotated[
        Path | None,
        typer.Option(help="Parquet of weather forecasts, planned events, places, flows; see ml/files/context.py."),
    ] = None,
    districts: Annotated[Path | None, typer.Option(help="GeoJSON of districts; default squares of about 5 km.")] = None,
    district_key: Annotated[
        str | None, typer.Option(help="Property that names a district; default the first text property.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Parquet of every method's forecasts.")] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help="Folder for a page, tables, curves and a map.")
    ] = None,
) -> None:
    """Forecast every day of a past span from what was known before it, and print the scores.

    Either --territory (scores go to the warehouse) or --incidents, --boundary and --epsg (files).
    """
    first_day, last_day = first.date(), last.date()
    if territory is not None:
        _on_warehouse(require_url(url), territory, first_day, last_day, groups=listed(groups), refit_days=refit_days)
        return
    if incidents is None or boundary is None or epsg is None:
        raise InputError(
            "observatory-ml backtest",
            found="neither --territory nor all of --incidents, --boundary and --epsg",
            expected="one of the two",
            action="Add the missing options.",
        )
    from ml.cli.printing import Steps, print_result, progress_bar
    from ml.jobs.backtest_files import FileBacktest, backtest_files

    test = FileBacktest(
        incidents=incidents,
        boundary=boundary,
        epsg=epsg,
        cell_size_m=cell_size_m,
        category=category,
        groups=Path(groups) if groups else None,
        first_day=first_day,
        last_day=last_day,
        horizon_days=horizon_days,
        refit_days=refit_days,
        methods=listed(methods),
        settings=settings,
        districts=districts,
        district_key=district_key,
        country=country,
        context=context,
    )
    with progress_bar() as bar:
        result = backtest_files(test, out, report, Steps(bar))
    print_result(f"{first_day}..{last_day}, {horizon_days} day(s) ahead", category, result)


def _on_warehouse(
    url: str, territory: str, first_day: date, last_day: date, *, groups: list[str] | None, refit_days: int
) -> None:
    from ml.cli.printing import Steps, print_scores, print_skipped, progress_bar
    from ml.jobs.backtest_warehouse import backtest_warehouse

    with progress_bar() as bar:
        summary = backtest_warehouse(
            url, territory, first_day, last_day, groups, refit_days=refit_days, progress=Steps(bar)
        )
    print_scores(f"{territory} {first_day}..{last_day}, rolling origin", summary.scores)
    print_skipped(summary.skipped)
