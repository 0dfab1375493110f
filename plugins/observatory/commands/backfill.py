"""``observatory backfill``: read the history of a city's feeds, showing progress and naming what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from observatory.commands import options
from observatory.errors import HistoryIncomplete, WarehouseError

if TYPE_CHECKING:
    from rich.console import Console

    from observatory.commands.backfill_progress import BackfillProgress
    from observatory.ingest.history import FeedMonth
    from observatory.territory.city import Territory

STOPPED = 130
"""Exit code of an interrupted program, by the shells' convention."""
MOST_NAMED = 24
"""How many refused windows the final message names."""


def backfill(  # noqa: PLR0917
    territory: options.City,
    feeds: Annotated[list[str] | None, typer.Argument(help="By default every feed that has a history_start.")] = None,
    since: Annotated[datetime, typer.Option(formats=options.DAY, help="First day to read.")] = datetime(2021, 1, 1),
    until: Annotated[
        datetime | None, typer.Option(formats=options.DAY, help="First day not to read; today by default.")
    ] = None,
    portal: options.Portal = None,
    again: Annotated[bool, typer.Option("--again", help="Also read windows that are already loaded.")] = False,
) -> None:
    """Read the history of a city's feeds.

    Reads monthly windows, oldest first, without Airflow. It can be stopped and started again at any time: loaded
    windows are not read again. Exit code 1: some windows were refused.
    """
    from observatory.warehouse.territory_state import effective_territory

    city = effective_territory(territory)
    if portal is not None:
        city = city.with_portal(options.portal_address(portal))
    days = since.date(), options.as_date(until)
    raise typer.Exit(backfill_city(city, feeds or [], days, options.console(), again=again))


def backfill_city(
    territory: Territory, feeds: list[str], days: tuple[date, date | None], console: Console, *, again: bool
) -> int:
    """Read the history of a city's feeds.

    Args:
        territory: the city.
        feeds: some of its feeds; empty for all that have a ``history_start``.
        days: first local day to read and first day not to read; the city's today where None.
        console: where progress is printed.
        again: also read windows that are already loaded.

    Returns:
        Exit code: 0 all is loaded, 1 some windows were refused, 130 interrupted.

    Raises:
        ObservatoryError: nothing can be read; the message says why.
    """
    from rich.console import Console

    from observatory.commands.backfill_progress import show_progress
    from observatory.ingest import history
    from observatory.ingest.history_windows import asked_days, feeds_of_history
    from observatory.warehouse.connection import role_url

    since, until = days[0], days[1] or datetime.now(ZoneInfo(territory.timezone)).date()
    feed_ids, range_of_days = feeds_of_history(territory, feeds), asked_days(str(since), str(until))
    url = role_url("loader")
    with _warehouse_errors():
        asked = history.windows_to_read(url, territory, feed_ids, range_of_days, again=again)
    with show_progress(console, len(asked)) as progress:
        try:
            with _warehouse_errors():
                for outcome in history.read_history(url, territory, progress.announce(asked)):
                    progress.add(outcome)
                refused = {each.feed_id for each in progress.refused}
                complete = [feed_id for feed_id in feed_ids if feed_id not in refused]
                closed = history.close(url, territory, complete, range_of_days)
            is_stopped = False
        except KeyboardInterrupt:
            is_stopped = True
    if is_stopped:
        console.print(_stopped(progress, asked), highlight=False, soft_wrap=True)
        return STOPPED
    if progress.refused:
        message = _incomplete(territory, progress, len(asked))
        Console(stderr=True).print(f"[red]✗[/red] {message}", highlight=False, soft_wrap=True)
        return 1
    took = timedelta(seconds=round(progress.seconds))
    console.print(
        f"✓ {progress.count} windows, {progress.row_count:,} rows, {closed:,} records withdrawn at source, {took}; "
        "--again also reads windows that are loaded already",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _stopped(progress: BackfillProgress, asked: list[FeedMonth]) -> str:
    feed_id, window = asked[min(progress.count, len(asked) - 1)]
    return (
        f"Stopped: {progress.count} of {len(asked)} windows are done, and no window is partly loaded. "
        f"Run the same command again: it continues with {feed_id} {window}."
    )


def _incomplete(territory: Territory, progress: BackfillProgress, total: int) -> HistoryIncomplete:
    named = "; ".join(
        f"{each.feed_id} {each.window} ({type(each.error).__name__})" for each in progress.refused[:MOST_NAMED]
    )
    if (more := len(progress.refused) - MOST_NAMED) > 0:
        named += f"; and {more} more"
    return HistoryIncomplete(
        f"{territory.code}: history",
        found=f"{len(progress.refused)} of {total} windows were refused: {named}",
        expected="every window to be loaded",
        action="The others are loaded. ops.load_failure has each reason; correct it and run the same command again: "
        "it reads only what is missing.",
    )


@contextmanager
def _warehouse_errors() -> Iterator[None]:
    """Say what to do when the warehouse becomes unreachable."""
    import adbc_driver_postgresql.dbapi as adbc
    import psycopg

    try:
        yield
    except (psycopg.OperationalError, adbc.OperationalError) as error:
        raise WarehouseError(
            "warehouse",
            found=" ".join(str(error).split())[:200],
            expected="a running PostgreSQL",
            action="Start it (make up) and run the same command again: loaded windows are not read again.",
        ) from None
