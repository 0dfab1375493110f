"""How far a history has been read: a bar where the output is a terminal, else one line a window."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from observatory.ingest.history import FeedMonth, Outcome


class Shown:
    """What a person sees while windows are read; counts them and their rows.

    Attributes:
        count: windows that were read, in vain or not.
        row_count: rows of those that were loaded.
        refused: what became of the others.
    """

    def __init__(self, console: Console, bar: Progress, total: int) -> None:
        self.count, self.row_count, self.refused = 0, 0, list[Outcome]()
        self._console, self._bar, self._total, self._started = console, bar, total, time.monotonic()
        self._task = bar.add_task("", total=total, pace="")

    def announce(self, months: Iterable[FeedMonth]) -> Iterator[FeedMonth]:
        """Hand windows on, saying of each that it is being read."""
        for feed_id, window in months:
            self._bar.update(self._task, description=f"{feed_id} {window.first_day:%Y-%m}")
            yield feed_id, window

    def add(self, outcome: Outcome) -> None:
        """Count a window that was read; one that was refused is named at once."""
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
        """Since the first window was begun."""
        return time.monotonic() - self._started

    @property
    def pace(self) -> str:
        """Rows a second so far, and how long the windows that are left take at the pace of those read."""
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
def showing(console: Console, total: int) -> Iterator[Shown]:
    """Show the reading of so many windows."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Shown(console, bar, total)
