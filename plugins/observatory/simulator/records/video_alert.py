"""Alerts of video analytics at cameras: only metadata, sometimes repeated at once, cleared later."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from observatory.simulator.records.version_spans import spans, twice
from observatory.simulator.world.city import build_city
from observatory.simulator.world.clock import after, days_of, moments, stamps
from observatory.simulator.world.draws import Floats, Keys, choose, combine, name_key, ordinals, poisson, uniform
from observatory.simulator.world.occurrences import chance
from observatory.simulator.world.simulation import Simulation

_MINUTES_A_DAY = 24 * 60
_SHORTEST_GAP_S, _LONGEST_GAP_S = 20, 280


def versions(simulation: Simulation, first_day: date, end_day: date) -> pl.DataFrame:
    """Every version of the alerts of the local days ``[first_day, end_day)``; see the package.

    Each is listed as it is raised, and with its end once cleared. The share ``faulty_share`` has a confidence above 1;
    ``duplicated_share`` of the versions is listed twice.
    """
    parameters, city, alerts = simulation.parameters, build_city(), simulation.parameters.alerts
    days = days_of(first_day, end_day)
    keys = combine(combine(name_key("alert"), simulation.seed), days)
    counts = poisson(keys, "count", np.full(len(days), alerts.per_100k * simulation.population / 100_000))
    occasion = combine(np.repeat(keys, counts), ordinals(counts))
    day = np.repeat(days, counts)

    registry = parameters.cameras.registry
    installed = np.array([camera.installed.toordinal() for camera in registry])
    removed = np.array(
        [camera.removed.toordinal() if camera.removed else np.iinfo(np.int64).max for camera in registry]
    )
    is_up = np.logical_and(days[:, None] > installed, days[:, None] < removed)
    camera = choose(occasion, "camera", day - days[0], is_up.astype(float))

    one_group = np.zeros(len(day), np.int64)
    category = _drawn(occasion, "category", one_group, dict(alerts.categories))
    # within one day, repeats included
    second = np.floor(uniform(occasion, "second") * (_MINUTES_A_DAY * 60 - alerts.most_repeats * _LONGEST_GAP_S))
    repeats = _repeats(occasion, alerts.repeat_share, alerts.most_repeats)
    first = np.repeat(np.arange(len(day)), repeats + 1)
    number = ordinals(repeats + 1)
    key = combine(occasion[first], number)
    gap = np.where(number > 0, np.floor(_SHORTEST_GAP_S + (_LONGEST_GAP_S - _SHORTEST_GAP_S) * uniform(key, "gap")), 0)
    since_start = np.cumsum(gap)
    second = second[first] + since_start - since_start[np.cumsum(repeats + 1) - (repeats + 1)][first]
    raised = moments(day[first], second / 60)
    lasting = np.ceil(-np.log(uniform(key, "clear")) * alerts.clear_min * 60) + 30
    cleared = after(raised, np.where(uniform(key, "open") < alerts.open_share, np.nan, lasting))

    places = np.array([city.degrees(each.east_m, each.north_m) for each in registry])[camera[first]]
    confidence = np.round(alerts.least_confidence + (1 - alerts.least_confidence) * uniform(key, "confidence"), 2)
    rows = pl.DataFrame(
        {
            "source_record_id": _numbers(day[first], key),
            "camera_code": np.array([each.code for each in registry])[camera[first]],
            "category": category[first],
            "severity": _drawn(occasion, "severity", one_group, dict(alerts.severities))[first],
            "confidence": np.where(chance(key, "at fault", parameters.faulty_share), 1 + confidence, confidence),
            "occurred_from": raised,
            "reported_at": raised,
            "longitude_deg": places[:, 0],
            "latitude_deg": places[:, 1],
        }
    ).with_columns(occurred_to=pl.lit(None, raised.dtype))
    versions = spans((rows, raised), (rows.with_columns(occurred_to=cleared), cleared))
    again = name_key("version") * versions["occurred_to"].is_null().to_numpy()
    number_of = pl.Series(key).gather(_position(rows, versions)).to_numpy()
    return twice(versions, combine(number_of, again), parameters.duplicated_share).sort(
        "source_record_id", "shown_from"
    )


def _repeats(occasion: Keys, share: float, most: int) -> np.ndarray:
    """(n,) further alerts of each occasion: geometric, at most ``most``."""
    return np.minimum(np.floor(np.log(uniform(occasion, "repeats")) / np.log(share)), most).astype(np.int64)


def _drawn(key: Keys, purpose: str, one_group: np.ndarray, weights: dict[str, float]) -> np.ndarray:
    options: Floats = np.array([list(weights.values())])
    return np.array(list(weights))[choose(key, purpose, one_group, options)]


def _position(rows: pl.DataFrame, versions: pl.DataFrame) -> pl.Series:
    index = rows.select("source_record_id").with_row_index("position")
    return versions.join(index, on="source_record_id", how="left", maintain_order="left")["position"]


def _numbers(day: np.ndarray, key: Keys) -> pl.Series:
    """``urn:ngsi-ld:Alert:20240131-…``."""
    number = pl.Series(key & np.uint64(0xFFFFFFFFFF)).cast(pl.String).str.zfill(13)
    return "urn:ngsi-ld:Alert:" + stamps(day, "%Y%m%d-") + number
