"""Planted effects of interventions: what they prevent, and where it reappears.

Each incident is treated independently: preventing one leaves its near-repeats and the others of its day unchanged.

- Inside an operation's circle and period, each incident of its target is prevented with the probability ``effect``.
  A prevented one reappears on the same day with the probability ``displacement``, at an address drawn evenly from the
  ring between ``radius_m`` and ``ring_m``.
- Within ``radius_m`` of an installed camera, each incident of a category is prevented with the probability
  ``effects[category]``; several cameras prevent no more than one. A category that is not listed sees no effect.

Neither affects incidents of matches and those that officers discover.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

_GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))


@dataclass(frozen=True)
class Operation:
    """A targeted operation, every year in the same season.

    Attributes:
        code: the city's code, to which the year is added.
        operation_type: what is done.
        east_m, north_m, radius_m: the circle it works in, from the centre of the city.
        month, weeks: it starts on the first Monday of the month.
        declared_days: how long before its start it is declared.
        target: category code.
        effect: share of the target's incidents prevented inside.
        displacement: share of the prevented incidents that reappear in the ring.
        ring_m: outer radius of the ring.
    """

    code: str
    operation_type: str
    east_m: float
    north_m: float
    radius_m: float
    month: int
    weeks: int
    declared_days: int
    target: str
    effect: float
    displacement: float
    ring_m: float

    def period(self, year: int) -> tuple[date, date]:
        """First day, and first day after it."""
        first = date(year, self.month, 1)
        start = first + timedelta(days=-first.weekday() % 7)
        return start, start + timedelta(weeks=self.weeks)


@dataclass(frozen=True)
class Camera:
    """One camera from its installation to its removal (None: still installed)."""

    code: str
    east_m: float
    north_m: float
    installed: date
    removed: date | None = None


@dataclass(frozen=True)
class Cameras:
    """The registry, and what a camera prevents within ``radius_m``: category code to share."""

    registry: tuple[Camera, ...]
    radius_m: float
    effects: Mapping[str, float]


OPERATIONS = (
    Operation("SALINS", "foot_patrol", 3100, 1500, 350, 3, 10, 21, "VOL_SIMPLE", 0.45, 0.0, 900),
    Operation("PHARE", "vehicle_checks", 1800, 3400, 350, 10, 10, 21, "VOL_VEHICULE", 0.50, 0.60, 900),
    Operation("VOILIERS", "mediation", 700, 200, 350, 6, 10, 21, "NUISANCE_SONORE", 0.0, 0.0, 900),
)

_WAVES = (date(2019, 6, 3), date(2022, 5, 2), date(2023, 9, 4), date(2025, 2, 3))


def _registry(count: int, east_m: float, north_m: float, spacing_m: float) -> tuple[Camera, ...]:
    """Cameras spread evenly over a disc (sunflower pattern), installed in four waves; the first one was removed."""
    return tuple(
        Camera(
            code=f"CAM-{number:03d}",
            east_m=round(float(east_m + spacing_m * np.sqrt(number) * np.cos(_GOLDEN_ANGLE * number))),
            north_m=round(float(north_m + spacing_m * np.sqrt(number) * np.sin(_GOLDEN_ANGLE * number))),
            installed=_WAVES[number % len(_WAVES)],
            removed=date(2024, 6, 30) if number == len(_WAVES) else None,
        )
        for number in range(1, count + 1)
    )


CAMERAS = Cameras(
    registry=_registry(48, 200, -400, 230),
    radius_m=150,
    effects={"VOL_VEHICULE": 0.35, "DEGRADATION": 0.25, "VIOLENCES": 0.0},
)
