"""One city as the warehouse knew it on the morning of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from ml.errors import HistoryTooShort, InputError
from ml.io import Territory, Warehouse
from ml.panel import eligibility
from ml.panel.history import group_panel, midnight, morning
from ml.panel.panel import Cells, Panel, span

LONGEST_HORIZON_DAYS = 92
UNLOCATED = "unlocated"


def cells_of(warehouse: Warehouse, territory_code: str) -> Cells:
    """The cells of a city that are forecast.

    Raises:
        InputError: it has none.
    """
    frame = warehouse.cells(territory_code)
    if frame.is_empty():
        raise InputError(
            f"territory {territory_code}",
            found="no forecast cell in core.dim_cell",
            expected="the cells of its boundary",
            action="Extract the city's zones and run its transform.",
        )
    return Cells.from_frame(frame)


@dataclass(frozen=True, eq=False)
class City:
    """One territory as the warehouse knew it on the morning of a day."""

    territory: Territory
    day: date
    cells: Cells
    counts: pl.DataFrame

    @classmethod
    def read(cls, warehouse: Warehouse, territory_code: str, day: date) -> City:
        """Read cells, and incidents as known that morning.

        Raises:
            InputError: the territory is unknown or has no cells.
        """
        territory = warehouse.territory(territory_code)
        known = warehouse.counts(territory_code, morning(day, territory.timezone))
        counts = known.filter(pl.col("occurred_date") < day)
        return cls(territory, day, cells_of(warehouse, territory_code), counts)

    @cached_property
    def end_day(self) -> date:
        """First local day without data: the day after the last one with incidents known."""
        known = span(self.counts["occurred_date"])
        return known[1] + timedelta(days=1) if known else self.day

    @property
    def data_as_of(self) -> datetime:
        """End of the last local day that has incidents known."""
        return midnight(self.end_day, self.territory.timezone)

    @property
    def horizon_days(self) -> int:
        """Days from the last day known to the day forecast."""
        return (self.day - self.end_day).days + 1

    def groups(self, wanted: Sequence[str] | None) -> list[str]:
        """The groups to forecast: those asked for, else every one with incidents."""
        return sorted(wanted if wanted is not None else self.counts["category_group"].drop_nulls().unique())

    def panel(self, group: str) -> Panel:
        """Panel of a group; ends with the last day known.

        Raises:
            Abstention: too little history, no recent data, too few located incidents, or a record that has changed.
        """
        if self.horizon_days > LONGEST_HORIZON_DAYS:
            raise HistoryTooShort(
                f"{self.territory.code}/{group} {self.day}",
                found=f"the newest incident known is of {self.end_day - timedelta(days=1)}",
                expected=f"one of the last {LONGEST_HORIZON_DAYS} days",
                action="Extract the newer days, then forecast again.",
            )
        first_day, _ = span(self.counts["occurred_date"]) or (self.end_day, self.end_day)
        panel = group_panel(
            self.cells, self.counts, group, first_day, self.end_day, country_code=self.territory.country_code
        )
        eligibility.check(panel, self._located_share(group))
        return panel

    def _located_share(self, group: str) -> float:
        """Located incidents of a group over all of them; 1 where there is none."""
        own = self.counts.filter(pl.col("category_group") == group)
        located = own.filter(pl.col("cell_id") != UNLOCATED)
        total = int(own["incident_count"].sum())
        return int(located["incident_count"].sum()) / total if total else 1.0
