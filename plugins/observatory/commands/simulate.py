"""``observatory simulate``: write the simulated city's records as Parquet, showing progress."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from observatory.commands import options
from observatory.errors import SimulationError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from observatory.simulator.export import CityFolder

STOPPED = 130
"""Exit code of an interrupted program, by the shells' convention."""
_DAY = ["%Y-%m-%d"]


@dataclass
class Total:
    """Totals of a kind: files, those that existed before, rows, bytes, seconds."""

    kind: str
    file_count: int = 0
    kept_count: int = 0
    row_count: int = 0
    byte_count: int = 0
    seconds: float = 0.0

    def row(self) -> tuple[str, ...]:
        """Cells of the table."""
        return self.kind, f"{self.row_count:,}", f"{self.byte_count / 1e6:,.1f}", f"{self.seconds:,.1f}"


def simulate(
    *,
    out: Annotated[Path, typer.Option(help="Folder to write into, new or of the same city.")],
    population: Annotated[int, typer.Option(min=5_000, help="People in the city; volumes grow with it.")] = 200_000,
    years: Annotated[int, typer.Option(min=1, max=100, help="Years before the end.")] = 5,
    since: Annotated[datetime | None, typer.Option(formats=_DAY, help="First local day, instead of --years.")] = None,
    end: Annotated[
        datetime | None,
        typer.Option(formats=_DAY, help="First local day not to write; today, or that of the city in the folder."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="Another seed is another history of the same city.")
    ] = 1,
    kinds: Annotated[str | None, typer.Option(help="Kinds, separated by commas; all by default.")] = None,
    live_days: Annotated[
        int | None, typer.Option(min=1, help="Number of last days to write of the kinds with very many rows.")
    ] = None,
) -> None:
    """Write the simulated city as Parquet, with every version of every record and known parameters.

    Stop it at any time and start it again: complete files are kept, and the bytes are the same.
    """
    from observatory.simulator.export import CityFolder
    from observatory.simulator.world.simulation import Simulation

    console = options.console()
    try:
        end_day = end.date() if end else _end_of(out)
        first_day = since.date() if since else _years_before(end_day, years)
        folder = CityFolder(out, Simulation(seed, population), first_day, end_day, live_days)
        totals = _written(folder, _asked(kinds), console)
    except KeyboardInterrupt:
        console.print("Stopped; every file is complete. Run the same command again to continue.")
        raise typer.Exit(STOPPED) from None
    except OSError as error:
        raise SimulationError(
            str(out),
            found=error.strerror or str(error),
            expected="a writable folder with free space",
            action="Correct it and run the same command again: complete files are kept.",
        ) from None
    console.print(_table(folder, totals), highlight=False)
    if kept := sum(total.kept_count for total in totals):
        console.print(f"{kept:,} of {sum(total.file_count for total in totals):,} files existed before.")


def _written(folder: CityFolder, wanted: list[str], console: Console) -> list[Total]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rows]:>14}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    totals = []
    with folder.opened(), Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        for kind in wanted:
            total, started = Total(kind), time.monotonic()
            task = bar.add_task(kind, total=len(folder.parts(kind)), rows="")
            for part in folder.write(kind):
                total.file_count += 1
                total.kept_count += part.was_there
                total.row_count += part.row_count
                total.byte_count += part.byte_count
                bar.update(task, advance=1, rows=f"{total.row_count:,} rows")
            total.seconds = time.monotonic() - started
            totals.append(total)
            if not console.is_terminal:
                console.print(f"{kind}: {total.row_count:,} rows, {total.seconds:.1f} s", highlight=False)
    return totals


def _table(folder: CityFolder, totals: list[Total]) -> Table:
    from rich.table import Table

    from observatory.simulator.world import city

    days = f"{folder.first_day} to {folder.end_day - timedelta(days=1)}"
    title = f"{city.NAME} (simulated), {folder.simulation.population:,} people, seed {folder.simulation.seed}, {days}"
    table = Table(title=title, title_justify="left", min_width=len(title), show_footer=True)
    everything = Total("all")
    for total in totals:
        for name in ("file_count", "kept_count", "row_count", "byte_count", "seconds"):
            setattr(everything, name, getattr(everything, name) + getattr(total, name))
    for name, footer in zip(("kind", "rows", "MB", "seconds"), everything.row(), strict=True):
        table.add_column(name, footer, justify="left" if name == "kind" else "right")
    for total in totals:
        table.add_row(*total.row())
    return table


def _asked(names: str | None) -> list[str]:
    from observatory.simulator import records

    wanted = list(records.NAMES) if names is None else list(dict.fromkeys(name.strip() for name in names.split(",")))
    if unknown := [name for name in wanted if name not in records.NAMES]:
        raise SimulationError(
            "--kinds",
            found=", ".join(unknown),
            expected=f"some of {', '.join(records.NAMES)}",
            action="Correct the names; they are separated by commas.",
        )
    return wanted


def _end_of(out: Path) -> date:
    """The end of the city in the folder, so that an earlier export can be completed; today if there is none."""
    from zoneinfo import ZoneInfo

    from observatory.simulator.export import described
    from observatory.simulator.world.simulation import TIMEZONE

    known = (described(out) or {}).get("end_day")
    return date.fromisoformat(known) if known else datetime.now(ZoneInfo(TIMEZONE)).date()


def _years_before(end_day: date, years: int) -> date:
    """The same day of an earlier year; 28 February for 29 February."""
    day = end_day.day if (end_day.month, end_day.day) != (2, 29) else 28
    return end_day.replace(year=end_day.year - years, day=day)
