"""The planted parameters of the simulated city. A method is good if its estimates recover them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from observatory.simulator.world.parameters.accidents import ACCIDENTS, Accidents
from observatory.simulator.world.parameters.alerts import ALERTS, Alerts
from observatory.simulator.world.parameters.enforcement import PATROLS, REPORTING, TOWS, Patrols, Tows
from observatory.simulator.world.parameters.gatherings import GATHERINGS, Gatherings
from observatory.simulator.world.parameters.incidents import CATEGORIES, HOTSPOTS, Category, Hotspot
from observatory.simulator.world.parameters.interventions import CAMERAS, OPERATIONS, Cameras, Operation
from observatory.simulator.world.parameters.mobility import MOBILITY, Mobility
from observatory.simulator.world.parameters.roads import ROADS, Roads
from observatory.simulator.world.parameters.services import SERVICES, Services
from observatory.simulator.world.parameters.weather import CLIMATE, Climate

__all__ = ["PLANTED", "Category", "Hotspot", "Parameters", "Services"]


@dataclass(frozen=True)
class Parameters:
    """All planted parameters; each part is described in its module.

    Attributes:
        categories, hotspots: the incidents.
        unlocated_share: share of incident records without a place.
        corrected_share, withdrawn_share: shares of records that are corrected, or withdrawn, after their entry, at most
            ``last_change_days`` days after it.
        duplicated_share: share of records of citations, tows, alerts and traffic that are listed twice.
        faulty_share: share of the records of these kinds, and of presence, that break their contract.
        gatherings: markets, matches and other events.
        operations, cameras: the interventions.
        reporting: district code to the share of incidents that is reported.
        patrols, tows: officers' presence and what they find; vehicles towed.
        alerts: of video analytics.
        services: records of the city's services and messages of its residents.
        climate, roads, accidents: the weather, road traffic, and accidents on the roads.
        mobility: car parks, public transport, presence of people.
    """

    categories: tuple[Category, ...]
    hotspots: tuple[Hotspot, ...]
    unlocated_share: float = 0.01
    corrected_share: float = 0.005
    withdrawn_share: float = 0.003
    last_change_days: int = 25
    duplicated_share: float = 0.004
    faulty_share: float = 0.003
    gatherings: Gatherings = GATHERINGS
    operations: tuple[Operation, ...] = OPERATIONS
    cameras: Cameras = CAMERAS
    reporting: Mapping[str, float] = field(default_factory=lambda: REPORTING)
    patrols: Patrols = PATROLS
    tows: Tows = TOWS
    alerts: Alerts = ALERTS
    services: Services = SERVICES
    climate: Climate = CLIMATE
    roads: Roads = ROADS
    accidents: Accidents = ACCIDENTS
    mobility: Mobility = MOBILITY

    @property
    def codes(self) -> tuple[str, ...]:
        """The categories' codes, in the order that indices refer to."""
        return tuple(category.code for category in self.categories)


PLANTED = Parameters(categories=CATEGORIES, hotspots=HOTSPOTS)
