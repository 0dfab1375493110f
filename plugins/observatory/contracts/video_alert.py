"""Alerts of video analytics: metadata only, without images or data about persons."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Moment, Record
from observatory.kinds import KINDS


class VideoAlert(Record):
    """The metadata of one alert; another of the same camera and category within five minutes is marked as a repeat."""

    occurred_to: Moment = pa.Field(nullable=True)
    camera_code: str
    category: str = pa.Field(
        isin=["density", "crowd_flow", "abandoned_object", "intrusion", "stopped_vehicle", "traffic_jam", "fire_smoke"]
    )
    severity: str = pa.Field(nullable=True, isin=["informational", "low", "medium", "high", "critical"])
    confidence: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 1})
    is_repeat: bool


CONTRACT = Contract(
    KINDS["video_alert"],
    VideoAlert,
    repeat_key=("camera_code", "category"),
    repeat_within_s=5 * 60,
    completes=frozenset({"is_repeat"}),
    refuses_traces=True,
    refused={
        "image": "images are not recorded",
        "track": "persons are not tracked",
        "face": "biometric data is not recorded",
        "plate": "a plate identifies its owner",
    },
)
