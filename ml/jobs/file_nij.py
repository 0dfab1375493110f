"""The NIJ challenge on a city in files: read and check them, forecast every origin, write, pool and compare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from ml.errors import InputError
from ml.evaluation.bootstrap import Difference, difference
from ml.evaluation.nij import (
    AREAS_SQ_MI,
    MILE_M,
    WINDOWS,
    Progress,
    WindowForecast,
    WindowMetrics,
    challenge,
    check_cell,
    pool_windows,
    window_days,
)
from ml.files.city import read_city, read_groups
from ml.files.forecasts import ParquetPieces, check_file
from ml.files.places import boundary_m2
from ml.models.registry import DEFAULT, OURS, methods_named
from ml.panel import eligibility
from ml.panel.panel import Panel


@dataclass(frozen=True, kw_only=True)
class NijTest:
    """Input and options of a run of the challenge; see :func:`ml.files.city.read_city`.

    Attributes:
        is_weekly: origins every week with windows of one week; else every year with all windows.
        refit_origins: weekly origins that share one training.
    """

    incidents: Path
    boundary: Path
    epsg: int
    cell_size_m: int
    category: str
    groups: Path | None
    first_origin: date
    last_origin: date
    is_weekly: bool
    refit_origins: int = 13
    methods: list[str] | None = None

    @property
    def windows(self) -> tuple[str, ...]:
        """Names of the windows forecast from each origin."""
        return WINDOWS[:1] if self.is_weekly else WINDOWS

    @property
    def origins(self) -> list[date]:
        """First days of the windows, ascending."""
        if self.is_weekly:
            weeks = (self.last_origin - self.first_origin).days // 7 + 1
            return [self.first_origin + timedelta(days=7 * week) for week in range(weeks)]
        years = range(self.first_origin.year, self.last_origin.year + 1)
        # 29 February has no anniversary in most years
        days = [self.first_origin.replace(year=year, day=min(self.first_origin.day, 28)) for year in years]
        return [day for day in days if day <= self.last_origin]


@dataclass(frozen=True)
class NijResult:
    """Result of a run.

    Attributes:
        metrics: per window and method, pooled over origins.
        differences: ours minus each other method over weekly origins.
    """

    metrics: tuple[WindowMetrics, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]
    city_square_miles: float


def run_nij(
    test: NijTest, out: Path | None = None, scores: Path | None = None, progress: Progress | None = None
) -> NijResult:
    """Run the challenge.

    Args:
        test: what to run.
        out: Parquet to write, one row per method, origin, window and cell: ``method, origin_date, window_name,
            window_days, cell_id, expected_count``.
        scores: CSV to write, one row per method, origin and window.
        progress: called with (method, days done, days in total).

    Raises:
        InputError: the input cannot be used.
        Abstention: a forecast from the first origin would be withheld.
    """
    methods = methods_named(test.methods or DEFAULT)
    check_cell(test.cell_size_m)
    for path, option in ((out, "--out"), (scores, "--scores")):
        if path:
            check_file(path, option)
    city = read_city(
        test.incidents,
        test.boundary,
        epsg=test.epsg,
        cell_size_m=test.cell_size_m,
        category=test.category,
        groups=read_groups(test.groups),
    )
    _check_origins(test, city.panel)
    eligibility.check_located(city.located_share)
    eligibility.check_history(city.panel.until(test.first_origin))
    city_m2 = boundary_m2(test.boundary)
    found: dict[tuple[str, str], list[WindowForecast]] = defaultdict(list)
    rows = []
    refit = test.refit_origins if test.is_weekly else 1
    with ParquetPieces(out) as written:
        for made in challenge(methods, city.panel, test.origins, test.windows, refit_origins=refit, progress=progress):
            found[made.window, made.method].append(made)
            rows.append(_row(made, city_m2, test.cell_size_m**2))
            if out:
                written.add(_forecast_rows(made, city.panel.cells.cell_id))
    if scores:
        pl.DataFrame(rows, infer_schema_length=None).write_csv(scores)
    pooled = {key: pool_windows(scored, city_m2, test.cell_size_m**2) for key, scored in found.items()}
    ordered = sorted(pooled, key=lambda key: test.windows.index(key[0]))
    compared = _differences(found, test.windows[0], test.cell_size_m**2 / city_m2) if test.is_weekly else ()
    return NijResult(tuple(pooled[key] for key in ordered), tuple(compared), city.notes, city_m2 / MILE_M**2)


def _check_origins(test: NijTest, panel: Panel) -> None:
    if test.first_origin > test.last_origin:
        raise InputError(
            "--from and --to",
            found=f"{test.first_origin} after {test.last_origin}",
            expected="days in order",
            action="Exchange --from and --to.",
        )
    last = test.origins[-1]
    end = last + timedelta(days=max(window_days(window, last) for window in test.windows))
    if test.first_origin <= panel.first_day or end > panel.end_day:
        raise InputError(
            "--from and --to",
            found=f"windows from {test.first_origin} to {end - timedelta(days=1)}",
            expected=f"windows within {panel.first_day + timedelta(days=1)}..{panel.end_day - timedelta(days=1)}",
            action="Choose origins whose windows are over by the last incident.",
        )


def _row(made: WindowForecast, city_m2: float, cell_m2: float) -> dict[str, object]:
    metrics = pool_windows([made], city_m2, cell_m2)
    return {
        "method": made.method,
        "origin_date": made.origin,
        "window_name": made.window,
        "window_days": made.days,
        "incidents": made.incident_count,
        "expected": metrics.expected_count,
        "information_gain": metrics.information_gain,
        **{f"flagged_{area}": made.flagged[area] for area in AREAS_SQ_MI},
        **{f"hits_{area}": made.hits[area] for area in AREAS_SQ_MI},
        **{f"pai_{area}": metrics.pai[area] for area in AREAS_SQ_MI},
        **{f"pei_{area}": metrics.pei[area] for area in AREAS_SQ_MI},
    }


def _forecast_rows(made: WindowForecast, cell_id: np.ndarray) -> pl.DataFrame:
    cells = pl.DataFrame({"cell_id": cell_id, "expected_count": made.expected})
    return cells.select(
        pl.lit(made.method).alias("method"),
        pl.lit(made.origin).alias("origin_date"),
        pl.lit(made.window).alias("window_name"),
        pl.lit(made.days, pl.Int16).alias("window_days"),
        pl.all(),
    )


def _differences(
    found: dict[tuple[str, str], list[WindowForecast]], window: str, cell_share: float
) -> list[Difference]:
    ours = found.get((window, OURS), [])
    incidents = np.array([each.incident_count for each in ours], dtype=np.float64)
    compared: list[Difference] = []
    if not incidents.any():
        return compared
    for (_, method), theirs in found.items():
        if method == OURS:
            continue
        pairs = list(zip(ours, theirs, strict=True))
        gained = np.array([a.log_score - b.log_score for a, b in pairs])
        compared.append(difference(method, "information_gain", gained, incidents, block=1))
        for area in AREAS_SQ_MI:
            hits = _hits_gained(pairs, area) / (ours[0].flagged[area] * cell_share)
            compared.append(difference(method, f"pai_{area}", hits, incidents, block=1))
    return compared


def _hits_gained(pairs: Sequence[tuple[WindowForecast, WindowForecast]], area: float) -> np.ndarray:
    """Hits gained over the other method, (origins,)."""
    return np.array([a.hits[area] - b.hits[area] for a, b in pairs], dtype=np.float64)
