"""Results that several fits on one panel share, held by the backtest or job that runs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from ml.panel.panel import Panel

if TYPE_CHECKING:
    from ml.features.densities import Recipe
    from ml.features.sampling import DayRows
    from ml.models.settings import Settings
    from ml.models.validation import ModelValidation

    ValidationKey = tuple[Recipe, date, int, Settings | None]


@dataclass(eq=False)
class TrainingCache:
    """Sampled examples and validations of the newest panel; those of an earlier panel are dropped."""

    _panel: Panel | None = None
    _samples: dict[tuple[Recipe, int], dict[date, DayRows]] = field(default_factory=dict)
    _validations: dict[ValidationKey, ModelValidation] = field(default_factory=dict)

    def samples(self, panel: Panel, recipe: Recipe, horizon_days: int) -> dict[date, DayRows]:
        """Examples sampled so far by day; the caller adds the days that are missing."""
        self._use(panel)
        return self._samples.setdefault((recipe, horizon_days), {})

    def validations(self, panel: Panel) -> dict[ValidationKey, ModelValidation]:
        """Validations made so far; the caller adds those that are missing."""
        self._use(panel)
        return self._validations

    def _use(self, panel: Panel) -> None:
        if panel is not self._panel:
            self._panel, self._samples, self._validations = panel, {}, {}
