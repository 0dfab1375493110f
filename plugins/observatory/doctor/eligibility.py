"""Whether a city has enough history for a forecast: days, incidents reported by people or sensors, and locations.

The limits repeat those of ``ml.panel.eligibility``, which this package may not import.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING

import polars as pl
import psycopg

from observatory.doctor import sample
from observatory.doctor.report import GroupReport
from observatory.errors import ObservatoryError
from observatory.records.admit import admit
from observatory.records.identity import Ordinals
from observatory.territory import taxonomy
from observatory.warehouse.connection import plain, role_url
from observatory.window import Window

if TYPE_CHECKING:
    from observatory.records.plan import Plan
    from observatory.territory.city import Territory

FEWEST_DAYS = 60
FEWEST_LOCATED = 100
LEAST_LOCATED = 0.5

_HISTORY_DAYS, _HISTORY_ROWS = 90, 20_000
_HELD = """
    select
        category_group, min(occurred_date), max(occurred_date), count(*)::int,
        (count(*) filter (where cell_id <> 'unlocated'))::int
    from core.fct_incident
    where territory_code = %s and is_trainable
    group by category_group
"""

Counted = tuple[date, date, int, int]
"""First and last local day, number of incidents, and number of located incidents."""


def assess(
    territory: Territory, accepted: Mapping[Plan, pl.DataFrame], today: date, *, is_recorded: bool
) -> tuple[str, tuple[GroupReport, ...]]:
    """Assess each category group that the territory file lists for forecasts.

    Args:
        territory: the city.
        accepted: accepted records of the sample of each incident feed that could be read.
        today: the city's local day.
        is_recorded: whether the samples are recorded, so that no source is read for more records.

    Returns:
        The origin of the counts (``warehouse``, ``sample`` or ``nothing``), and the groups.
    """
    held = _in_the_warehouse(territory)
    assessed_by = "warehouse" if held else "sample" if accepted else "nothing"
    if not held:
        held = _in_the_sample(territory, accepted, today, is_recorded=is_recorded)
    return assessed_by, tuple(_group(group, held.get(group)) for group in territory.forecast.category_groups)


def _group(group: str, counted: Counted | None) -> GroupReport:
    if counted is None:
        return GroupReport(group, 0, 0, 0, is_eligible=False, reason="no reported or sensor incident is known")
    first, last, count, located = counted
    days = (last - first).days + 1
    reason = None
    if days < FEWEST_DAYS:
        reason = f"{days} days of history; expected at least {FEWEST_DAYS}"
    elif located < LEAST_LOCATED * count:
        reason = f"{located / count:.0%} of its incidents located; expected at least {LEAST_LOCATED:.0%}"
    elif located < FEWEST_LOCATED:
        reason = f"{located} located incidents; expected at least {FEWEST_LOCATED}"
    return GroupReport(group, days, count, located, is_eligible=reason is None, reason=reason)


def _in_the_warehouse(territory: Territory) -> dict[str, Counted]:
    """The counts of each group in the warehouse; empty if it cannot be reached or has no incidents."""
    try:
        with psycopg.connect(plain(role_url("reader")), connect_timeout=5) as connection:
            rows = connection.execute(_HELD, [territory.code]).fetchall()
    except (ObservatoryError, psycopg.Error):
        return {}
    return {group: (first, last, count, located) for group, first, last, count, located in rows}


def _in_the_sample(
    territory: Territory, accepted: Mapping[Plan, pl.DataFrame], today: date, *, is_recorded: bool
) -> dict[str, Counted]:
    """The counts of each group in the samples, extended by the first rows of the last 90 days of each feed."""
    parts = [
        pl.concat([records, *([] if is_recorded else _past(plan, today))]).unique(
            "source_record_id", maintain_order=True
        )
        for plan, records in accepted.items()
    ]
    if not parts:
        return {}
    meanings = taxonomy.meanings(territory.code) | {
        code: (meaning.category, meaning.detection_mode) for code, meaning in territory.categories.items()
    }
    known = pl.DataFrame(
        [(code, taxonomy.groups()[category], mode) for code, (category, mode) in meanings.items()],
        schema={"code": pl.String, "category_group": pl.String, "mapped_mode": pl.String},
        orient="row",
    )
    counted = (
        pl.concat(parts)
        .with_columns(code=pl.col("source_category_code").str.strip_chars().str.to_uppercase())
        .join(known, on="code")
        .filter(pl.coalesce("detection_mode", "mapped_mode").is_in(["reported", "sensor"]))
        .with_columns(day=pl.col("occurred_from").dt.convert_time_zone(territory.timezone).dt.date())
        .group_by("category_group")
        .agg(pl.col("day").min().alias("first"), pl.col("day").max().alias("last"), pl.len(), pl.col("cell_id").count())
    )
    return {group: (first, last, count, located) for group, first, last, count, located in counted.iter_rows()}


def _past(plan: Plan, today: date) -> list[pl.DataFrame]:
    """Accepted records of the last 90 days, up to a limit of rows."""
    end = sample.newest_day_expected(plan.feed, today) + timedelta(days=1)
    window = Window(end - timedelta(days=_HISTORY_DAYS), end, plan.territory.timezone)
    try:
        taken = sample.read(plan, window, _HISTORY_ROWS)
        if taken.rows.is_empty():
            return []
        return [admit(taken.rows, plan, Ordinals()).accepted]
    except ObservatoryError:
        return []
