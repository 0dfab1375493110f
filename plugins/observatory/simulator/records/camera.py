"""The registry of cameras: listed from the day one is installed, with its end from the day it is removed."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.records.version_spans import spans
from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import moments
from observatory.simulator.world.draws import combine, name_key, uniform
from observatory.simulator.world.simulation import Simulation

_INSTALLED_MIN = 9 * 60


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:  # noqa: ARG001
    """Every version of every camera, for any span: the registry has no time; see the package."""
    city, registry = build_city(), simulation.parameters.cameras.registry
    places = np.array([city.degrees(camera.east_m, camera.north_m) for camera in registry])
    key = combine(name_key("camera"), np.array([name_key(camera.code) for camera in registry]))
    is_fixed = uniform(key, "type") < 0.3
    installed = moments([camera.installed.toordinal() for camera in registry], _INSTALLED_MIN)
    ends = [camera.removed.toordinal() if camera.removed else np.nan for camera in registry]
    removed = moments(ends, _INSTALLED_MIN)
    rows = pl.DataFrame(
        {
            "source_record_id": [camera.code for camera in registry],
            "operator_code": "city",
            "camera_type": np.where(is_fixed, "fixed", "dome"),
            "azimuth_deg": pl.Series(np.where(is_fixed, np.floor(uniform(key, "azimuth") * 360), np.nan)).fill_nan(
                None
            ),
            "occurred_from": installed,
            "longitude_deg": places[:, 0],
            "latitude_deg": places[:, 1],
        }
    ).with_columns(occurred_to=pl.lit(None, installed.dtype))
    return spans((rows, installed), (rows.with_columns(occurred_to=removed), removed))
