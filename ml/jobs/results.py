"""Results of the jobs: dataclasses that print as one line of JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.evaluation.metrics import Metrics


Progress = Callable[[str, int, int], None]
"""Called with (category group, days done, days in total)."""


class Summary:
    """Prints as one line of JSON."""

    def __str__(self) -> str:
        return json.dumps(asdict(self), default=str, sort_keys=True)  # type: ignore[call-overload]


@dataclass(frozen=True)
class GroupForecast(Summary):
    """The outcome for one category group: a forecast, or an abstention with its reason."""

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
    """One method's scores for one category group, pooled over the days.

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
    def of(cls, category_group: str, method: str, metrics: Metrics) -> GroupScore:
        """Make a summary from the metrics."""
        return cls(
            category_group,
            method,
            metrics.days,
            metrics.incident_count,
            metrics.expected_count,
            metrics.information_gain,
            metrics.pai,
            metrics.pei,
        )


@dataclass(frozen=True)
class ScoreSummary(Summary):
    """Scores of one territory over ``[first_day, last_day]``; ``skipped`` says why groups have none."""

    territory_code: str
    first_day: date
    last_day: date
    evaluation: str
    scores: tuple[GroupScore, ...]
    skipped: dict[str, str]
    changed_rows: int
