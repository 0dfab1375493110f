"""Progress of a backfill: a bar on a terminal, one line per window elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from observatory.ingest.history import FeedMonth, Outcome


class BackfillProgress:
    """Prints each window that was read and counts windows and rows.

    Attributes:
        count: windows that were read, loaded or refused.
        row_count: rows of the loaded windows.
        refused: outcomes of the refused windows.
    """

    def __init__(self, console: Console, bar: Progress, total: int) -> None:
        self.count, self.row_count, self.refused = 0, 0, list[Outcome]()
        self._console, self._bar, self._total, self._started = console, bar, total, time.monotonic()
        self._task = bar.add_task("", total=total, pace="")

    def announce(self, months: Iterable[FeedMonth]) -> Iterator[FeedMonth]:
        """Yield the windows, showing for each that it is being read."""
        for feed_id, window in months:
            self._bar.update(self._task, description=f"{feed_id} {window.first_day:%Y-%m}")
            yield feed_id, window

    def add(self, outcome: Outcome) -> None:
        """Count a window that was read; a refused one is printed at once."""
        self.count += 1
        if outcome.result is None:
            self.refused.append(outcome)
        else:
            self.row_count += outcome.result.read_count
        self._bar.update(self._task, completed=self.count, pace=self.pace)
        if outcome.error or not self._console.is_terminal:
            self._console.print(self._line(outcome), highlight=False, soft_wrap=True)

    @property
    def seconds(self) -> float:
        """Seconds since the first window was started."""
        return time.monotonic() - self._started

    @property
    def pace(self) -> str:
        """Rows per second so far, and the estimated time for the remaining windows."""
        left = timedelta(seconds=round(self.seconds / max(self.count, 1) * (self._total - self.count)))
        return f"{self.row_count / max(self.seconds, 0.001):,.0f} rows/s, {left} left"

    def _line(self, outcome: Outcome) -> str:
        name = f"{outcome.feed_id} {outcome.window}"
        if outcome.result is None:
            return f"[red]✗[/red] {name} refused: {outcome.error}"
        r = outcome.result
        news = f"{r.accepted_count:,} new, {r.unchanged_count:,} unchanged, {r.rejected_count:,} rejected"
        return f"{self.count}/{self._total} {name}: {r.read_count:,} rows ({news}); {self.pace}"


@contextmanager
def show_progress(console: Console, total: int) -> Iterator[BackfillProgress]:
    """Show the progress of reading ``total`` windows."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield BackfillProgress(console, bar, total)
