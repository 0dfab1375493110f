"""Measurements of the road sites every six minutes; some rows late, corrected, listed twice or out of range."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
from scipy.special import ndtri

from observatory.simulator.records.version_spans import twice
from observatory.simulator.world.draws import Floats, uniform
from observatory.simulator.world.occurrences import chance
from observatory.simulator.world.roads import INTERVAL_MIN, counted, interval_keys, sites_of, traffic
from observatory.simulator.world.simulation import Simulation

_KM_A_VEHICLE = 0.006
"""Of the road that a vehicle covers where it is counted."""
_UTC = pl.Datetime("us", "UTC")
_SECOND = 1_000_000


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the measurements of the local days ``[first_day, end_day)``; see the package.

    A failed sensor reports a speed of 0 from 0 inputs, and no flow; a working one without traffic reports the same
    speed and a flow of 0.
    """
    days = (first_day + timedelta(days=number) for number in range((end_day - first_day).days))
    return pl.concat([_of_a_day(simulation, day) for day in days])


def _of_a_day(simulation: Simulation, day: date) -> pl.DataFrame:
    roads, sites, state = simulation.parameters.roads, sites_of(simulation), traffic(simulation, day)
    key = interval_keys(simulation, sites, state.begins_s)
    count = counted(state.flow_veh_h, key)
    flow = count * (60.0 / INTERVAL_MIN)
    speed = state.speed_kmh * np.exp(roads.speed_spread * ndtri(uniform(key, "speed")))
    speed = np.where(count > 0, np.round(np.clip(speed, 3, 150), 1), 0.0)
    density = np.divide(flow, speed * sites.lanes[:, None], out=np.zeros_like(flow), where=speed > 0)
    occupancy = np.round(np.minimum(density * _KM_A_VEHICLE * 100, 100), 2)
    flow, speed, occupancy, inputs = (
        _as_sensed(values, repeated, missing, state.is_stuck, state.is_missing)
        for values, repeated, missing in zip(
            (flow, speed, occupancy, count.astype(float)), roads.stuck_values, (np.nan, 0, np.nan, 0), strict=True
        )
    )
    speed = np.where(chance(key, "at fault", simulation.parameters.faulty_share), roads.impossible_kmh, speed)

    by_time = [np.tile(each, len(state.begins_s)) for each in (sites.lanes, *sites.degrees.T)]
    began = pl.Series(np.repeat(state.begins_s, len(sites.code)) * _SECOND).cast(_UTC)
    key = key.T.ravel()
    late_min = roads.most_late_min * uniform(key, "late by") * chance(key, "late", roads.late_share)
    ended = began + timedelta(minutes=INTERVAL_MIN)
    shown = ended + pl.Series(np.round((roads.delay_min + late_min) * 60) * _SECOND).cast(pl.Duration("us"))
    code = pl.Series(sites.code)
    site, interval = pl.Series(np.arange(len(code))), began.dt.epoch("s") // (INTERVAL_MIN * 60)
    # twelve characters, which polars keeps in place
    site_text = site.cast(pl.String).str.zfill(4)
    frame = pl.DataFrame(
        {
            "source_record_id": pl.concat([site_text] * len(state.begins_s)) + "-" + interval.cast(pl.String),
            "site_code": pl.concat([code] * len(state.begins_s)),
            "occurred_from": began,
            "occurred_to": ended,
            "lane_count": pl.Series(by_time[0]).cast(pl.Int32),
            "flow_veh_h": pl.Series(flow.T.ravel()).fill_nan(None),
            "speed_kmh": speed.T.ravel(),
            "occupancy_pct": pl.Series(occupancy.T.ravel()).fill_nan(None),
            "input_count": pl.Series(inputs.T.ravel()).cast(pl.Int32),
            "longitude_deg": by_time[1],
            "latitude_deg": by_time[2],
            "shown_from": shown,
        }
    ).with_columns(shown_until=pl.lit(None, _UTC))
    is_wrong = pl.Series(chance(key, "corrected", roads.corrected_share)) & (frame["flow_veh_h"] > 0).fill_null(False)
    wait = pl.Series(np.ceil(uniform(key, "corrected after") * roads.last_change_h * 3600) * _SECOND)
    corrected_at = frame["shown_from"] + wait.cast(pl.Duration("us"))
    mistaken = pl.col("flow_veh_h") / 2
    first = frame.with_columns(flow_veh_h=mistaken, shown_until=corrected_at).filter(is_wrong)
    last = frame.with_columns(shown_from=pl.when(is_wrong).then(corrected_at).otherwise("shown_from"))
    return pl.concat([twice(last, key, simulation.parameters.duplicated_share), first])


def _as_sensed(values: Floats, repeated: float, missing: float, is_stuck: np.ndarray, is_missing: np.ndarray) -> Floats:
    """What sensors report of a value of every site and interval."""
    stuck = np.where(is_stuck[:, None], repeated, values)
    return np.where(is_missing[:, None], missing, stuck)
