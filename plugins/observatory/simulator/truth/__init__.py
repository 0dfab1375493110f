"""All that is planted in the simulated city, in one place. Methods are judged by whether they find it again."""

from __future__ import annotations

from dataclasses import dataclass

from observatory.simulator.truth.incidents import CATEGORIES, HOTSPOTS, Category, Hotspot
from observatory.simulator.truth.services import SERVICES, Services

__all__ = ["PLANTED", "Category", "Hotspot", "Services", "Truth"]


@dataclass(frozen=True)
class Truth:
    """What is planted; each part is described in its module."""

    categories: tuple[Category, ...]
    hotspots: tuple[Hotspot, ...]
    unlocated_share: float = 0.01
    corrected_share: float = 0.005
    withdrawn_share: float = 0.003
    last_change_days: int = 25
    services: Services = SERVICES

    @property
    def codes(self) -> tuple[str, ...]:
        """The categories' codes, in the order other modules point into."""
        return tuple(category.code for category in self.categories)


PLANTED = Truth(categories=CATEGORIES, hotspots=HOTSPOTS)
