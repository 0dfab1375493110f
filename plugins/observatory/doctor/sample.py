"""Read a small sample of a feed: the newest day, or an earlier window if that is empty, up to a limit of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, cast

import polars as pl

from observatory.errors import SourceChanged
from observatory.feeds import open_reader
from observatory.feeds.base import require_columns, within
from observatory.feeds.http.client import Patience
from observatory.feeds.json_source import filled, tabulate
from observatory.kinds import KINDS
from observatory.records.feed_window import FeedWindow
from observatory.window import Window

if TYPE_CHECKING:
    from collections.abc import Generator

    from observatory.records.plan import Plan
    from observatory.territory.feed import FeedSettings

MOST_ROWS = 1_000
HASTE = Patience(attempts=2, backoff_s=0.2, longest_wait_s=1, timeout_s=10)
"""The doctor retries a request once, and does not wait long for a server that is down."""

_EDGES_DAYS = (0, 1, 2, 7, 31, 400)
"""Bounds of the windows that are tried one after another, in days before the newest day."""

_FIRST_DAY, _END_DAY = date(1970, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True)
class Sample:
    """Rows of a feed as the reader returned them, shape (n, read columns), and the window that was read."""

    rows: pl.DataFrame
    window: Window
    is_partial: bool


def take(plan: Plan, today: date, recorded: Path | None = None) -> Sample:
    """Read a small sample of a feed.

    Args:
        plan: the plan of the feed.
        today: the city's local day.
        recorded: recorded rows to read instead of the source: a JSON list of objects or a Parquet file.

    Returns:
        The newest day that should have records, or the first window before it that has any.

    Raises:
        ObservatoryError: the errors of the feed's reader.
    """
    feed, timezone = plan.feed, plan.territory.timezone
    if recorded is not None:
        everything = FeedWindow.of_plan(plan, Window(_FIRST_DAY, _END_DAY, timezone))
        return _first_rows(within(everything, _recorded(plan, recorded)), everything.window, MOST_ROWS)
    for window in _windows(feed, today, timezone):
        sample = read(plan, window)
        if sample.rows.height:
            break
    return sample


def read(plan: Plan, window: Window, most_rows: int = MOST_ROWS) -> Sample:
    """Read the first rows of a window."""
    reader = open_reader(FeedWindow.of_plan(plan, window), patience=HASTE, chunk_rows=most_rows)
    return _first_rows(reader.read(), window, most_rows)


def newest_day_expected(feed: FeedSettings, today: date) -> date:
    """The newest local day of which a feed should have records."""
    return today - timedelta(days=int(feed.publication_lag_hours // 24))


def _windows(feed: FeedSettings, today: date, timezone: str) -> Iterator[Window]:
    newest = newest_day_expected(feed, today)
    end = newest + timedelta(days=1)
    if KINDS[feed.kind].time_column is None:
        yield Window.of_day(newest, timezone)
        return
    for near, far in pairwise(_EDGES_DAYS):
        yield Window(end - timedelta(days=far), end - timedelta(days=near), timezone)
    oldest = end - timedelta(days=_EDGES_DAYS[-1])
    if feed.history_start and feed.history_start < oldest:
        yield Window(feed.history_start, oldest, timezone)


def _first_rows(chunks: Iterator[pl.DataFrame], window: Window, most_rows: int) -> Sample:
    parts, count = [], 0
    with closing(cast("Generator[pl.DataFrame]", chunks)):
        for chunk in chunks:
            parts.append(chunk)
            count += chunk.height
            if count > most_rows:
                break
    rows = pl.concat(parts) if parts else pl.DataFrame()
    return Sample(rows.head(most_rows), window, count > most_rows)


def _recorded(plan: Plan, path: Path) -> Iterator[pl.DataFrame]:
    feed, subject = plan.feed, f"{plan}, {path.name}"
    try:
        if path.suffix == ".parquet":
            delivered = pl.read_parquet(path)
            require_columns(subject, plan, delivered.columns, are_all=True)
            yield delivered.select(feed.read_columns)
            return
        objects = json.loads(path.read_text(encoding="utf-8"))
        rows = tabulate(objects, feed.read_columns)[0]
        require_columns(subject, plan, {name for row in objects for name in row} | filled(rows), are_all=False)
        yield rows
    except (OSError, ValueError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
        raise SourceChanged(
            subject,
            found=f"cannot be read ({error})",
            expected="a JSON list of objects, or a Parquet file",
            action="Record the sample again.",
        ) from None
