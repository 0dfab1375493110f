"""The command ``backfill``: read a history before a person's eyes, and say at its end what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import adbc_driver_postgresql.dbapi as adbc
import psycopg
from rich.console import Console

from observatory.commands.backfill_progress import Shown, showing
from observatory.errors import HistoryIncomplete, WarehouseError
from observatory.ingest import history
from observatory.ingest.history_windows import asked_days, feeds_of_history
from observatory.territory.city import Territory
from observatory.warehouse.connection import role_url

STOPPED = 130
"""Exit code of a program that was interrupted, as shells have it."""
MOST_NAMED = 24
"""Windows that the last message names."""


def run(
    territory: Territory, feeds: list[str], days: tuple[date, date | None], console: Console, *, again: bool
) -> int:
    """Read the history of a city's feeds.

    Args:
        territory: the city.
        feeds: its feeds; empty for every one that has a ``history_start``.
        days: first local day, and the first not to be read; the city's today where None.
        console: where progress goes.
        again: whether windows that are loaded are read, too.

    Returns:
        Exit code: 0 all is loaded, 1 some windows were refused, 130 interrupted.

    Raises:
        ObservatoryError: nothing can be read; the message says why.
    """
    since, until = days[0], days[1] or datetime.now(ZoneInfo(territory.timezone)).date()
    feed_ids, range_of_days = feeds_of_history(territory, feeds), asked_days(str(since), str(until))
    url = role_url("loader")
    with _warehouse_errors():
        asked = history.windows_to_read(url, territory, feed_ids, range_of_days, again=again)
    with showing(console, len(asked)) as shown:
        try:
            with _warehouse_errors():
                for outcome in history.read_history(url, territory, shown.announce(asked)):
                    shown.add(outcome)
                refused = {each.feed_id for each in shown.refused}
                whole = [feed_id for feed_id in feed_ids if feed_id not in refused]
                closed = history.close(url, territory, whole, range_of_days)
            is_stopped = False
        except KeyboardInterrupt:
            is_stopped = True
    if is_stopped:
        console.print(_stopped(shown, asked), highlight=False, soft_wrap=True)
        return STOPPED
    if shown.refused:
        message = _incomplete(territory, shown, len(asked))
        Console(stderr=True).print(f"[red]✗[/red] {message}", highlight=False, soft_wrap=True)
        return 1
    took = timedelta(seconds=round(shown.seconds))
    console.print(
        f"✓ {shown.count} windows, {shown.row_count:,} rows, {closed:,} records no longer listed, {took}; "
        "--again reads what was loaded before",
        highlight=False,
        soft_wrap=True,
    )
    return 0


def _stopped(shown: Shown, asked: list[history.FeedMonth]) -> str:
    feed_id, window = asked[min(shown.count, len(asked) - 1)]
    return (
        f"Stopped: {shown.count} of {len(asked)} windows are done, nothing is half loaded. "
        f"Give the same command again: it goes on with {feed_id} {window}."
    )


def _incomplete(territory: Territory, shown: Shown, total: int) -> HistoryIncomplete:
    named = "; ".join(
        f"{each.feed_id} {each.window} ({type(each.error).__name__})" for each in shown.refused[:MOST_NAMED]
    )
    if (more := len(shown.refused) - MOST_NAMED) > 0:
        named += f"; and {more} more"
    return HistoryIncomplete(
        f"{territory.code}: history",
        found=f"{len(shown.refused)} of {total} windows were refused: {named}",
        expected="every window to be loaded",
        action="The others are loaded. ops.load_failure has each reason; mend it and give the same command again: "
        "it reads only what is missing.",
    )


@contextmanager
def _warehouse_errors() -> Iterator[None]:
    """Say what to do when the warehouse goes away."""
    try:
        yield
    except (psycopg.OperationalError, adbc.OperationalError) as error:
        raise WarehouseError(
            "warehouse",
            found=" ".join(str(error).split())[:200],
            expected="a running PostgreSQL",
            action="Start it (make up) and give the same command again: what is loaded is not read again.",
        ) from None
