"""Output of the commands: forecasts, tables of scores, progress bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ml.jobs.results import ForecastSummary, GroupScore

if TYPE_CHECKING:
    from ml.evaluation.assessment import Coverage, MethodAssessment
    from ml.evaluation.bootstrap import Difference
    from ml.jobs.backtest_files import BacktestResult
    from ml.jobs.file_nij import NijResult

# wider than any table, so that a narrow screen breaks lines instead of cutting figures
console = Console(soft_wrap=True, highlight=False, width=200)


class Steps:
    """Progress callback that shows one bar for each ``what``."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[str, int] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Move the bar of ``what``."""
        task = self._tasks.get(what)
        if task is None:
            task = self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(task, completed=done)  # type: ignore[arg-type]


def progress_bar() -> Progress:
    """A progress bar on standard error, so that the output can be piped."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def print_forecast(summary: ForecastSummary) -> None:
    """One line per category group."""
    ahead = "" if summary.horizon_days == 1 else f", {summary.horizon_days} days ahead: the source lags"
    console.print(f"{summary.territory_code} {summary.forecast_date}, data as of {summary.data_as_of:%F %T} UTC{ahead}")
    for group in summary.groups:
        if group.abstained_because:
            console.print(f"{group.category_group}: no forecast, because {group.abstained_because}")
        else:
            how = "mixture and trees" if group.uses_trees else "mixture"
            console.print(f"{group.category_group}: {group.expected_count:.1f} incidents expected ({how})")


def print_scores(title: str, scores: Sequence[GroupScore]) -> None:
    """One table of scores per category group."""
    for group in dict.fromkeys(row.category_group for row in scores):
        console.print(f"\n{title}: {group}")
        table = _table("method", "incidents", "expected", "IG", "PAI 1/2/5 %", "PEI 1/2/5 %")
        for row in (row for row in scores if row.category_group == group):
            pai = "/".join(f"{value:.1f}" for value in row.pai.values() if value is not None)
            pei = "/".join(f"{value:.2f}" for value in row.pei.values() if value is not None)
            gain = _number(row.information_gain, 3)
            table.add_row(row.method, str(row.incident_count), f"{row.expected_count:.0f}", gain, pai, pei)
        console.print(table)
    if scores:
        console.print("\nIG: information gain, nats per incident over a flat map at the mean of the last 28 days.")


def print_skipped(skipped: dict[str, str]) -> None:
    """One line per category group without scores."""
    for group, reason in skipped.items():
        console.print(f"{group}: not scored: {reason}")


def print_result(title: str, category: str, result: BacktestResult) -> None:
    """Scores, calibration of counts and uncertainty, and ours minus each other method."""
    for note in result.notes:
        console.print(f"note: {note}")
    print_scores(title, [GroupScore.of(category, row.method, row.metrics) for row in result.assessments])
    _print_calibration(result.assessments)
    _print_differences(result.differences)


def print_nij(title: str, cell_size_m: int, result: NijResult) -> None:
    """Scores per window and method, and the differences between ours and each other method."""
    for note in result.notes:
        console.print(f"note: {note}")
    console.print(f"\n{title}, cells of {cell_size_m} m, city of {result.city_square_miles:.1f} square miles")
    table = Table("window", "method", box=None, pad_edge=False)
    for name in ("origins", "incidents", "expected", "IG", "PAI .25/.75", "PEI .25/.75"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in result.metrics:
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
        for metric in dict.fromkeys(row.metric for row in result.differences):
            table.add_column(metric.replace("_", " "), justify="right", no_wrap=True)
        for method in dict.fromkeys(row.method for row in result.differences):
            own = (row for row in result.differences if row.method == method)
            table.add_row(method, *(str(row).replace("[", r"\[") for row in own))
        console.print(table)


def _print_calibration(assessments: Sequence[MethodAssessment]) -> None:
    console.print()
    table = _table("method", "deviance", "expected/observed", "decile error", "PIT p volume", "PIT p district")
    for name in ("80 % holds district-days", "city-days"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in assessments:
        table.add_row(
            row.method,
            f"{row.metrics.poisson_deviance:.0f}",
            _number(row.total_ratio, 3),
            f"{_number(row.decile_error, 3)} ({_number(row.error_by_chance, 3)})",
            str(row.volume_p),
            str(row.district_p),
            _coverage(row.district_coverage),
            _coverage(row.city_coverage),
        )
    console.print(table)
    console.print(
        "\nDecile error: mean of |expected/observed - 1| over tenths of the incidents expected, weighted by incidents"
        "\n(that of a correct map, from Poisson chance alone)."
        "\nPIT p: smallest over the strata, adjusted for their number; below 0.05 the distribution of one is wrong"
        "\n(averaged over the randomisation, which detects smaller errors)."
        "\n80 % holds: sums with a mean of 5 or more inside their interval (share that the distribution predicts)."
    )


def _print_differences(differences: Sequence[Difference]) -> None:
    if not differences:
        return
    console.print("\nours minus method, 95 % interval (blocks of 7 days)")
    table = _table("method", "IG", "PAI 1 %", "PAI 2 %", "PAI 5 %")
    for method in dict.fromkeys(row.method for row in differences):
        table.add_row(method, *(str(row).replace("[", r"\[") for row in differences if row.method == method))
    console.print(table)


def _table(first: str, *others: str) -> Table:
    table = Table(first, box=None, pad_edge=False)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _coverage(coverage: Coverage) -> str:
    if coverage.covered is None or coverage.promised is None:
        return ""
    return f"{coverage.covered:.0%} ({coverage.promised:.0%})"
