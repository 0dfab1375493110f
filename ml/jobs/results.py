"""What the entry points report: dataclasses that print as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime

from ml.evaluation.metrics import Measures

Progress = Callable[[str, int, int], None]
"""Called with (category group, days done, days in all)."""


class Summary:
    """Prints as one line of JSON."""

    def __str__(self) -> str:
        return json.dumps(asdict(self), default=str, sort_keys=True)  # type: ignore[call-overload]


@dataclass(frozen=True)
class GroupForecast(Summary):
    """What became of one category group: a forecast, or an abstention with its reason."""

    category_group: str
    model_id: str | None
    uses_trees: bool
    cell_count: int
    expected_count: float
    changed_rows: int
    abstained_because: str | None


@dataclass(frozen=True)
class ForecastSummary(Summary):
    """One territory's forecast of one local day; ``data_as_of`` is the end of the last day with incidents known."""

    territory_code: str
    forecast_date: date
    data_as_of: datetime
    horizon_days: int
    groups: tuple[GroupForecast, ...]

    @property
    def changed_rows(self) -> int:
        """Rows deleted or inserted; 0 when the same input was forecast before."""
        return sum(group.changed_rows for group in self.groups)


@dataclass(frozen=True)
class GroupScore(Summary):
    """How one method did for one category group, pooled over the days scored.

    ``information_gain`` is nats per incident over a flat map at the mean of the last 28 days; None without incidents.
    """

    category_group: str
    method: str
    days: int
    incident_count: int
    expected_count: float
    information_gain: float | None
    pai: dict[int, float | None]
    pei: dict[int, float | None]

    @classmethod
    def of(cls, category_group: str, method: str, measures: Measures) -> GroupScore:
        """Take what a summary needs of the measures."""
        return cls(
            category_group,
            method,
            measures.days,
            measures.incident_count,
            measures.expected_count,
            measures.information_gain,
            measures.pai,
            measures.pei,
        )


@dataclass(frozen=True)
class ScoreSummary(Summary):
    """Scores of one territory over ``[first_day, last_day]``; ``skipped`` says which groups were not, and why."""

    territory_code: str
    first_day: date
    last_day: date
    evaluation: str
    scores: tuple[GroupScore, ...]
    skipped: dict[str, str]
    changed_rows: int
