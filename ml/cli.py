"""`observatory-ml`: train, forecast, score and map in a warehouse; backtest on a warehouse or on files."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ml.errors import ForecastError, InputError
from ml.summary import ForecastSummary, GroupScore

USER_MISTAKE = 2
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console(soft_wrap=True, highlight=False)

Url = Annotated[
    str,
    typer.Option("--warehouse-url", envvar="OBSERVATORY_FORECASTER_URL", help="postgresql+psycopg:// address."),
]
Territory = Annotated[str, typer.Option("--territory", help="City: the name of its territory file.")]
Day = Annotated[datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="Local day.")]
Groups = Annotated[str | None, typer.Option("--groups", help="Category groups, comma-separated; default all.")]


def main() -> None:
    """Run the command line; a user's mistake ends in one line and exit code 2."""
    try:
        app()
    except ForecastError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(USER_MISTAKE)


@app.command()
def train(territory: Territory, day: Day, url: Url = "", groups: Groups = None) -> None:
    """Train one model per category group on what was known on the morning of --day, and store it."""
    from ml import run

    for group, identity in run.train(_given(url), territory, day.date(), _listed(groups)).items():
        console.print(f"{group}: model {identity[:12]}")


@app.command()
def forecast(territory: Territory, day: Day, url: Url = "", groups: Groups = None) -> None:
    """Forecast --day for every cell and write it to the warehouse."""
    from ml import run

    _print_forecast(run.forecast(_given(url), territory, day.date(), _listed(groups)))


@app.command()
def score(territory: Territory, day: Day, url: Url = "") -> None:
    """Score the stored forecast of --day beside the baselines."""
    from ml import run

    summary = run.score(_given(url), territory, day.date())
    _print_scores(f"{territory} {summary.first_day}, as issued", summary.scores)
    for group, reason in summary.skipped.items():
        console.print(f"{group}: not scored: {reason}")


@app.command(name="map")
def draw_map(
    territory: Territory,
    day: Day,
    out: Annotated[Path, typer.Option("--out", help="PNG to write.")],
    group: Annotated[str, typer.Option("--group", help="Category group.")],
    url: Url = "",
) -> None:
    """Draw the stored forecast of --day."""
    from ml import run

    console.print(str(run.draw_map(_given(url), territory, day.date(), group, out)))


@app.command()
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
    out: Annotated[Path | None, typer.Option("--out", help="Parquet of every method's forecasts.")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="Folder for the table, curves and a map.")] = None,
) -> None:
    """Forecast every day of a past span from what was known before it, and print how good that was.

    Either --territory (scores go to the warehouse) or --incidents, --boundary and --epsg (files).
    """
    first_day, last_day = first.date(), last.date()
    if territory is not None:
        from ml import run

        with _progress() as bar:
            summary = run.backtest(
                _given(url),
                territory,
                first_day,
                last_day,
                _listed(groups),
                refit_days=refit_days,
                progress=_Steps(bar),
            )
        _print_scores(f"{territory} {first_day}..{last_day}, rolling origin", summary.scores)
        for group, reason in summary.skipped.items():
            console.print(f"{group}: not scored: {reason}")
        return
    if incidents is None or boundary is None or epsg is None:
        raise InputError(
            "observatory-ml backtest",
            came="neither --territory nor all of --incidents, --boundary and --epsg",
            expected="one of the two",
            todo="Add the missing options.",
        )
    from ml.filetest import FileTest, run_filetest

    test = FileTest(
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
        methods=_listed(methods),
    )
    with _progress() as bar:
        scores = run_filetest(test, out, report, _Steps(bar))
    _print_scores(f"{first_day}..{last_day}, {horizon_days} day(s) ahead", scores)


class _Steps:
    """Shows (what, done, total) as bars, one per thing."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(task, completed=done)  # type: ignore[arg-type]


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def _print_forecast(summary: ForecastSummary) -> None:
    ahead = "" if summary.horizon_days == 1 else f", {summary.horizon_days} days ahead: the portal lags"
    console.print(f"{summary.territory_code} {summary.forecast_date}, data as of {summary.data_as_of:%F %T} UTC{ahead}")
    for group in summary.groups:
        if group.abstained_because:
            console.print(f"{group.category_group}: no forecast, because {group.abstained_because}")
        else:
            how = "blend and trees" if group.uses_trees else "blend"
            console.print(f"{group.category_group}: {group.expected_count:.1f} incidents expected ({how})")


def _print_scores(title: str, scores: tuple[GroupScore, ...]) -> None:
    for group in dict.fromkeys(row.category_group for row in scores):
        console.print(f"\n{title}: {group}")
        table = Table("method", box=None, pad_edge=False)
        for name in ("incidents", "expected", "IG", "PAI 1/2/5 %", "PEI 1/2/5 %"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in (row for row in scores if row.category_group == group):
            gain = "" if row.information_gain is None else f"{row.information_gain:.3f}"
            pai = "/".join(f"{value:.1f}" for value in row.pai.values() if value is not None)
            pei = "/".join(f"{value:.2f}" for value in row.pei.values() if value is not None)
            table.add_row(row.method, str(row.incident_count), f"{row.expected_count:.0f}", gain, pai, pei)
        console.print(table)
    if scores:
        console.print("\nIG: information gain, nats per incident over a flat map at the mean of the last 28 days.")


def _given(url: str) -> str:
    if not url:
        raise InputError(
            "warehouse",
            came="no address",
            expected="--warehouse-url or OBSERVATORY_FORECASTER_URL",
            todo="Give the address, or run through `observatory exec`.",
        )
    return url


def _listed(names: str | None) -> list[str] | None:
    return [name.strip() for name in names.split(",")] if names else None


if __name__ == "__main__":
    main()
