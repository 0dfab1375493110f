"""Print the report as tables."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from observatory.doctor.report import ALL_WELL, REFUSED, WELL, WITHOUT_SAMPLE, FeedReport, Report

_ASSESSED_BY = {
    "warehouse": "the records in the warehouse",
    "sample": "the sample",
    "nothing": "nothing: no incident was read",
}
_COLOURS = {WELL: "green", WITHOUT_SAMPLE: "dim"}


def show(console: Console, report: Report, name: str) -> None:
    """Print the state of each feed, its problems, and whether the city has enough history for a forecast."""
    console.rule(f"{escape(name)} · {report.today}")
    console.print(_feeds(report))
    for feed in report.feeds:
        for line in _notes(feed):
            console.print(line, highlight=False)
    if refused := [feed.feed for feed in report.feeds if feed.status == REFUSED]:
        console.print(
            f"[red]✗[/] {report.territory}.yml: {', '.join(refused)} were not read, since their conventions are not "
            "in force. Set `start` and `end` once a convention is signed, or remove the feed.",
            highlight=False,
        )
    console.print(_forecast(report))
    well = sum(feed.status == WELL for feed in report.feeds)
    to_do = sum(feed.status not in _COLOURS for feed in report.feeds)
    verdict = "nothing to do" if report.exit_code == ALL_WELL else f"{to_do} with problems"
    console.print(f"{well} of {len(report.feeds)} feeds deliver records that meet their contract; {verdict}.")


def _feeds(report: Report) -> Table:
    table = Table(
        Column("feed", no_wrap=True),
        "state",
        Column("accepted of read", justify="right"),
        Column("located", justify="right"),
        Column("filled", justify="right"),
        Column("days", no_wrap=True),
        title="Feeds",
    )
    for feed in report.feeds:
        filled = sum(bool(column.filled_share) for column in feed.columns)
        days = [f"{feed.oldest_day} to", f"{feed.newest_day}"] if feed.oldest_day else []
        days += [f"since {feed.history_start}"] if feed.history_start else []
        table.add_row(
            f"{feed.feed}\n[dim]{feed.kind}[/]",
            f"[{_COLOURS.get(feed.status, 'red')}]{feed.status}[/]",
            f"{feed.accepted_count} of {feed.read_count - feed.outside_count}{'+' if feed.is_partial else ''}"
            if feed.read_count
            else "",
            "" if feed.located_share is None else f"{feed.located_share:.0%}",
            f"{filled} of {len(feed.columns)}" if feed.read_count else "",
            "\n".join(days),
        )
    return table


def _notes(feed: FeedReport) -> list[str]:
    """The problems of a feed, one a line."""
    notes = [f"[red]✗[/] {escape(feed.problem)}"] if feed.problem and feed.status != REFUSED else []
    if feed.status == WELL:
        notes += [f"[yellow]·[/] {feed.feed}: {each.count} rejected; {escape(each.reason)}" for each in feed.rejections]
    empty = [column.column for column in feed.columns if column.filled_share == 0]
    if empty:
        notes.append(f"[yellow]·[/] {feed.feed}: no value in the sample for {', '.join(empty)}")
    return notes


def _forecast(report: Report) -> Table:
    table = Table(
        "group",
        Column("days", justify="right"),
        Column("incidents", justify="right"),
        Column("located", justify="right"),
        "eligible",
        title=f"Forecast, assessed by {_ASSESSED_BY[report.assessed_by]}",
    )
    for group in report.forecast:
        verdict = "[green]yes[/]" if group.is_eligible else f"not yet: {escape(group.reason or '')}"
        counts = (group.history_days, group.incident_count, group.located_count)
        table.add_row(group.category_group, *map(str, counts), verdict)
    return table
