"""The methods by name: ours, the baselines, and ours without its trees."""

from __future__ import annotations

from collections.abc import Sequence

from ml.baselines import Flat, KernelDensity, Mean
from ml.errors import InputError
from ml.method import Method
from ml.model import Hotspots

OURS = "lightgbm"
BASELINES: tuple[Method, ...] = (Flat(), Mean(28), Mean(365), KernelDensity())
METHODS: dict[str, Method] = {
    method.name: method for method in (Hotspots(), *BASELINES, Hotspots(use_trees=False, name="kernel_blend"))
}
DEFAULT = (OURS, *(method.name for method in BASELINES))


def methods_named(names: Sequence[str]) -> list[Method]:
    """Look methods up.

    Raises:
        InputError: a name is none of them.
    """
    unknown = sorted(set(names) - set(METHODS))
    if unknown:
        raise InputError(
            "methods",
            came=f"unknown {', '.join(unknown)}",
            expected=f"some of {', '.join(METHODS)}",
            todo="Correct --methods.",
        )
    return [METHODS[name] for name in names]
