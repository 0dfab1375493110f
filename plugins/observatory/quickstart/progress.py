"""Progress of the steps of ``make run``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from observatory.orchestration.api_client import now


class Step:
    """One line of progress."""

    def __init__(self, bar: Progress, title: str) -> None:
        self._bar, self.title = bar, title
        self.span: tuple[datetime, datetime] | None = None
        self._task = bar.add_task(title, total=None)

    def say(self, what: str) -> None:
        """Show what the step is doing."""
        self._bar.update(self._task, description=f"{self.title} · {what}")

    def progress(self, done: int, total: int, state: str) -> None:
        """Show how many of a run's tasks are done."""
        self._bar.update(self._task, completed=done, total=total or None, description=f"{self.title} · {state}")

    def took(self, span: tuple[datetime, datetime]) -> None:
        """Set the start and end of the step, if they are not those of its display."""
        self.span = span

    def conclude(self, what: str) -> None:
        """Add the outcome to the step's title."""
        self.title = f"{self.title}: {what}"

    def finish(self) -> None:
        """Show the step as done."""
        task = self._bar.tasks[self._task]
        total = task.total or 1
        self._bar.update(self._task, total=total, completed=total, description=f"[green]✓[/green] {self.title}")


class Steps:
    """The lines of progress of all steps; where the output is not a terminal, one printed line each."""

    def __init__(self, bar: Progress, console: Console) -> None:
        self._bar, self._console = bar, console

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Open a line; it is ticked when the block succeeds."""
        step, started = Step(self._bar, title), now()
        if not self._console.is_terminal:
            self._console.print(f"… {title}", highlight=False)
        yield step
        step.finish()
        started, ended = step.span or (started, now())
        if not self._console.is_terminal:
            self._console.print(f"✓ {step.title} ({(ended - started).total_seconds():.0f} s)", highlight=False)


@contextmanager
def show_steps(console: Console) -> Iterator[Steps]:
    """Show steps, each on its line."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Steps(bar, console)
