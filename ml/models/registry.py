"""All methods by name: ours, the baselines, published peers, and ours without its trees."""

from __future__ import annotations

from collections.abc import Sequence

from ml.errors import InputError
from ml.models.base import Method
from ml.models.baselines import ExponentialDecay, Flat, KernelDensity, Mean, WeekdayMean
from ml.models.hotspots import Hotspots
from ml.models.peers.cell_etas import CellEtas
from ml.models.peers.gi_star import GiStar
from ml.models.peers.prospective import ProspectiveHotspot
from ml.models.peers.self_exciting import SelfExciting
from ml.models.peers.spacetime import SpaceTimeDensity

OURS = "lightgbm"
ALL = "all"
BASELINES: tuple[Method, ...] = (Flat(), Mean.of(28), Mean.of(365), KernelDensity())
AVERAGES: tuple[Method, ...] = (
    Mean(window_days=1, name="last_day"),
    Mean.of(7),
    Mean(window_days=None, name="mean_all"),
    WeekdayMean(),
    ExponentialDecay(),
)
PEERS: tuple[Method, ...] = (SpaceTimeDensity(), ProspectiveHotspot(), SelfExciting(), CellEtas(), GiStar())
METHODS: dict[str, Method] = {
    method.name: method
    for method in (Hotspots(), *BASELINES, *AVERAGES, *PEERS, Hotspots(settings=None, name="kernel_mixture"))
}
DEFAULT = (OURS, *(method.name for method in BASELINES))


def methods_named(names: Sequence[str]) -> list[Method]:
    """Look methods up by name; ``all`` gives every method.

    Raises:
        InputError: a name is unknown.
    """
    if list(names) == [ALL]:
        return list(METHODS.values())
    unknown = sorted(set(names) - set(METHODS))
    if unknown:
        raise InputError(
            "methods",
            found=f"unknown {', '.join(unknown)}",
            expected=f"{ALL}, or some of {', '.join(METHODS)}",
            action="Correct --methods.",
        )
    return [METHODS[name] for name in names]
