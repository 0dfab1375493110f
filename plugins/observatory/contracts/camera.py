"""Cameras that watch public space, as the registry lists them."""

from __future__ import annotations

import pandera.polars as pa

from observatory.contracts.base import Contract, Standing
from observatory.kinds import KINDS


class Camera(Standing):
    """One camera from its installation to its removal; its exact azimuth is not published."""

    operator_code: str
    camera_type: str
    azimuth_deg: float = pa.Field(nullable=True, in_range={"min_value": 0, "max_value": 360})


CONTRACT = Contract(
    KINDS["camera"],
    Camera,
)
