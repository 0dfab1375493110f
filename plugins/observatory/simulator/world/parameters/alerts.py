"""Planted parameters of the alerts of video analytics.

Occasions are Poisson, ``per_100k`` a day per 100,000 people, at any hour, each at one of the installed cameras.
An occasion raises one alert and, with the probability ``repeat_share`` after each, a further one of the same camera and
category 20 to 280 seconds later. It is cleared ``clear_min`` minutes later on average (exponential), and until then
listed as open; the share ``open_share`` is never cleared. Confidence is uniform above ``least_confidence``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Alerts:
    """All parameters of alerts; see the module. Categories and severities have weights."""

    per_100k: float
    repeat_share: float
    most_repeats: int
    clear_min: float
    open_share: float
    least_confidence: float
    categories: Mapping[str, float]
    severities: Mapping[str, float]


ALERTS = Alerts(
    per_100k=90.0,
    repeat_share=0.25,
    most_repeats=4,
    clear_min=12.0,
    open_share=0.02,
    least_confidence=0.5,
    categories={
        "density": 0.22, "crowd_flow": 0.12, "abandoned_object": 0.14, "intrusion": 0.16, "stopped_vehicle": 0.22,
        "traffic_jam": 0.12, "fire_smoke": 0.02,
    },
    severities={"informational": 0.25, "low": 0.35, "medium": 0.27, "high": 0.1, "critical": 0.03},
)  # fmt: skip
