"""Incidents as known on the morning of any day."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import polars as pl

from ml.errors import HistoryTooShort
from ml.panel.context import has_holidays, public_holidays
from ml.panel.panel import Cells, Panel, span

KNOWN_BY = time(5)
"""Local time at which a day's forecast is made: what is known then may be used, nothing later."""


def morning(day: date, timezone: str) -> datetime:
    """The UTC moment a forecast for ``day`` is made."""
    return datetime.combine(day, KNOWN_BY, ZoneInfo(timezone)).astimezone(UTC)


def midnight(day: date, timezone: str) -> datetime:
    """The UTC moment at which a local day begins."""
    return datetime.combine(day, time.min, ZoneInfo(timezone)).astimezone(UTC)


@dataclass(frozen=True, eq=False)
class Known:
    """A panel as known on a morning, and how far behind that day it ends.

    Attributes:
        panel: ends with the last day that has incidents, or later where nearby mornings share it.
        horizon_days: days between the last day with incidents known and the day forecast.
    """

    panel: Panel
    horizon_days: int


def group_panel(
    cells: Cells, counts: pl.DataFrame, group: str, first_day: date, end_day: date, *, country_code: str | None = None
) -> Panel:
    """Panel of one category group, the other groups beside it.

    Args:
        cells: the city's cells.
        counts: ``category_group, category_code, cell_id, occurred_date, incident_count``.
        group: the category group that is forecast.
        first_day: first local day.
        end_day: first local day after the panel.
        country_code: whose public holidays are known, ISO 3166; None for no context.
    """
    panel = Panel.from_counts(cells, counts, pl.col("category_group") == group, first_day, end_day)
    if country_code is None or not has_holidays(country_code):
        return panel
    return replace(panel, context=(public_holidays(country_code, first_day, end_day),))


class KnownHistory:
    """Panels of one category group as known on each morning of a span of days.

    Mornings between which nothing was corrected, withdrawn or reported late share one panel: beyond a morning it
    contains only later days, which no method reads.

    Args:
        cells: the city's cells.
        versions: ``category_group, category_code, cell_id, occurred_date, known_from, known_to, incident_count`` of all
            groups.
        group: the category group that is forecast.
        timezone: the city's.
        first_day: first day that is forecast.
        last_day: last day that is forecast.
        country_code: see :func:`group_panel`.
    """

    def __init__(
        self,
        cells: Cells,
        versions: pl.DataFrame,
        *,
        group: str,
        timezone: str,
        first_day: date,
        last_day: date,
        country_code: str | None = None,
    ) -> None:
        self._country_code = country_code
        self._cells, self._versions, self._group, self._timezone = cells, versions, group, timezone
        days = [first_day + timedelta(days=offset) for offset in range((last_day - first_day).days + 1)]
        revised = self._revisions()
        last_of = {bisect_right(revised, morning(day, timezone)): day for day in days}
        self._shared_until = {day: last_of[bisect_right(revised, morning(day, timezone))] for day in days}
        self._panel = lru_cache(maxsize=1)(self._build)

    def __call__(self, day: date) -> Known:
        """What a forecast of ``day`` may use.

        Raises:
            HistoryTooShort: nothing was known that morning.
        """
        seen = span(self._known(day).filter(pl.col("occurred_date") < day)["occurred_date"])
        if seen is None:
            raise HistoryTooShort(
                f"{self._group} on the morning of {day}",
                found="no incident known",
                expected="incidents of earlier days, known by 05:00",
                action="Backtest later days, or load more history.",
            )
        return Known(self._panel(self._shared_until[day]), (day - seen[1]).days)

    def _known(self, day: date) -> pl.DataFrame:
        return known_at(self._versions, morning(day, self._timezone))

    def _build(self, day: date) -> Panel:
        counts = self._known(day)
        first_day, last_day = span(counts["occurred_date"]) or (day, day)
        end_day = last_day + timedelta(days=1)
        return group_panel(self._cells, counts, self._group, first_day, end_day, country_code=self._country_code)

    def _revisions(self) -> list[datetime]:
        """Moments at which an earlier day changed, ascending; a record known by the next morning is no change."""
        prompt = pl.col("occurred_date").dt.offset_by("1d").dt.combine(KNOWN_BY)
        prompt = prompt.dt.replace_time_zone(self._timezone, ambiguous="earliest").dt.convert_time_zone("UTC")
        late = self._versions.filter(pl.col("known_from") > prompt)["known_from"]
        return sorted({*late.to_list(), *self._versions["known_to"].drop_nulls().to_list()})


def known_at(versions: pl.DataFrame, moment: datetime) -> pl.DataFrame:
    """The versions that were the newest known at a moment."""
    is_open = pl.col("known_to").is_null() | (pl.col("known_to") > moment)
    return versions.filter((pl.col("known_from") <= moment) & is_open)
