"""Examine the feeds of a city one by one; a feed that fails does not stop the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from observatory.contracts.parse import text
from observatory.doctor import eligibility, sample
from observatory.doctor.report import (
    CHANGED,
    EMPTY,
    LATE,
    REFUSED,
    REJECTED,
    SECRET,
    UNREACHABLE,
    WELL,
    WITHOUT_SAMPLE,
    WRONG_IN_FILE,
    FeedReport,
    MappedColumn,
    Rejection,
    Report,
)
from observatory.errors import (
    ConventionNotLive,
    ObservatoryError,
    SecretMissing,
    SourceUnavailable,
    TerritoryError,
)
from observatory.records.admit import admit
from observatory.records.identity import Ordinals
from observatory.records.mapping import require_mapping
from observatory.records.plan import Plan
from observatory.territory.terms import require_live_terms

if TYPE_CHECKING:
    from observatory.records.check import Checked
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_LATE_DAYS = 2
"""A source counts as late if it is more than this many days later than its file states; holidays happen."""
_MOST_REASONS = 3
_STATUSES: tuple[tuple[type[ObservatoryError], str], ...] = (
    (TerritoryError, WRONG_IN_FILE),
    (ConventionNotLive, REFUSED),
    (SecretMissing, SECRET),
    (SourceUnavailable, UNREACHABLE),
    (ObservatoryError, CHANGED),
)


def examine(
    territory: Territory,
    today: date,
    samples: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Examine every feed of a city, and whether the city has enough history for a forecast.

    Args:
        territory: the city.
        today: its local day.
        samples: folder of recorded samples, ``<feed>.json`` or ``<feed>.parquet`` with rows, or ``<feed>/`` with files
            as the source serves them; None reads from the sources themselves.
        progress: called with the feed that is examined next.
    """
    reports, accepted = [], {}
    for feed_id in territory.feeds:
        progress(feed_id)
        recorded = _recorded(samples, feed_id)
        is_folder = recorded is not None and recorded.is_dir()
        plan = Plan.of(_at(territory, feed_id, recorded) if recorded and is_folder else territory, feed_id)
        rows = None if is_folder else recorded
        has_sample = samples is None or recorded is not None
        report, records = _examined(plan, today, rows, has_sample=has_sample, is_recorded=samples is not None)
        reports.append(report)
        if records is not None and report.kind == "incident":
            accepted[plan] = records
    progress("forecast")
    assessed_by, groups = eligibility.assess(territory, accepted, today, is_recorded=samples is not None)
    return Report(territory.code, today, None, tuple(reports), assessed_by, groups)


def _examined(
    plan: Plan, today: date, recorded: Path | None, *, has_sample: bool, is_recorded: bool
) -> tuple[FeedReport, pl.DataFrame | None]:
    """The report of one feed, and the accepted records of its sample."""
    feed = plan.feed
    report = FeedReport(
        feed.feed_id,
        feed.kind,
        feed.source.protocol,
        feed.owner,
        feed.terms,
        is_live=feed.convention is None or feed.convention.is_live(today),
        status=WITHOUT_SAMPLE,
        history_start=feed.history_start,
        columns=_mapped(feed, None),
    )
    try:
        require_mapping(plan)
        require_live_terms(feed, today)
        if not has_sample:
            return report, None
        taken = sample.take(plan, today, recorded)
        checked = admit(taken.rows, plan, Ordinals()) if taken.rows.height else None
    except ObservatoryError as error:
        status = next(status for kind, status in _STATUSES if isinstance(error, kind))
        return replace(report, status=status, problem=str(error)), None
    report = replace(
        report,
        first_day=taken.window.first_day,
        last_day=taken.window.end_day - timedelta(days=1),
        is_partial=taken.is_partial,
        read_count=taken.rows.height,
    )
    if checked is None and feed.source.is_inbox:
        return replace(report, status=WELL), None  # the partner has delivered nothing since the inbox was last read
    if checked is None:
        problem = f"{plan}: no record up to {report.last_day}; expected some. Ask {feed.owner}, or "
        problem += f"correct `where`, `date_formats` and `clock` in {feed.territory_file}."
        return replace(report, status=EMPTY, problem=problem), None
    report = _counted(report, plan, taken, checked)
    if not is_recorded and plan.contract.kind.time_column and report.newest_day:
        # of a partial sample it is unknown whether the window's last day had a record; it is assumed
        newest = taken.window.end_day - timedelta(days=1) if taken.is_partial else report.newest_day
        late = (sample.newest_day_expected(feed, today) - newest).days - _LATE_DAYS
        report = replace(report, late_days=max(0, late))
    verdict, reason = _assessed(report, plan, today)
    return replace(report, status=verdict, problem=reason), checked.accepted


def _counted(report: FeedReport, plan: Plan, taken: sample.Sample, checked: Checked) -> FeedReport:
    """The report with the counts and days of the sample's records."""
    accepted = checked.accepted
    days = accepted.select(
        pl.col("occurred_from").dt.convert_time_zone(plan.territory.timezone).dt.date().drop_nulls().alias("day")
    )
    oldest, newest = days.select(pl.col("day").min().alias("oldest"), pl.col("day").max().alias("newest")).row(0)
    located = accepted["longitude_deg"].count()
    return replace(
        report,
        accepted_count=accepted.height,
        rejected_count=checked.rejected.height,
        outside_count=checked.outside.len(),
        located_share=located / accepted.height if accepted.height else None,
        oldest_day=oldest,
        newest_day=newest,
        columns=_mapped(plan.feed, taken.rows),
        rejections=_rejections(checked.rejected),
    )


def _assessed(report: FeedReport, plan: Plan, today: date) -> tuple[str, str | None]:
    """Status of a feed that delivered records, and what to do about it."""
    feed, tolerated = plan.feed, plan.feed.tolerated_reject_share
    if tolerated is None:
        tolerated = plan.contract.tolerated_reject_share
    inside_count = report.read_count - report.outside_count
    if not inside_count:
        return EMPTY, (
            f"{plan}: every record of the sample is outside the city; expected some inside `bounds`. Ask {feed.owner}, "
            f"or correct `coordinates` or `bounds` in {feed.territory_file}."
        )
    share = report.rejected_count / inside_count
    if share > tolerated or not report.accepted_count:
        first = report.rejections[0].reason
        return (
            REJECTED,
            f"{plan}: {share:.0%} of the sample rejected; expected at most {tolerated:.0%}. First: {first}",
        )
    if report.late_days:
        return LATE, (
            f"{plan}: its newest record is of {report.newest_day}; expected one of "
            f"{sample.newest_day_expected(feed, today)}. Ask {feed.owner}, or correct `publication_lag_hours` in "
            f"{feed.territory_file}."
        )
    return WELL, None


def _rejections(rejected: pl.DataFrame) -> tuple[Rejection, ...]:
    """The most frequent causes, each with its first reason, from which personal data has been removed."""
    causes = (
        rejected.group_by("column_name", "check_name", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("reason").first())
        .sort("count", descending=True, maintain_order=True)
        .head(_MOST_REASONS)
    )
    return tuple(Rejection(*row) for row in causes.iter_rows())


def _mapped(feed: FeedSettings, rows: pl.DataFrame | None) -> tuple[MappedColumn, ...]:
    shares = {}
    if rows is not None:
        filled = (text(*feed.sources_of(column)).is_not_null().mean().alias(column) for column in feed.columns)
        shares = rows.select(filled).row(0, named=True)
    return tuple(MappedColumn(column, feed.sources_of(column), shares.get(column)) for column in feed.columns)


def _recorded(samples: Path | None, feed_id: str) -> Path | None:
    if samples is None:
        return None
    candidates = (samples / f"{feed_id}{ending}" for ending in (".json", ".parquet", ""))
    return next((path.resolve() for path in candidates if path.exists()), None)


def _at(territory: Territory, feed_id: str, folder: Path) -> Territory:
    """The city with one of its feeds read from a folder."""
    feed = territory.feeds[feed_id]
    source = feed.source.model_copy(update={"address": str(folder)})
    feeds = {**territory.feeds, feed_id: feed.model_copy(update={"source": source})}
    return territory.model_copy(update={"feeds": feeds})
