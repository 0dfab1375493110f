"""Panel, training and one day of forecast on 5 years x 10,000 cells: seconds, peak memory, ratio to a kernel density.

Run: ``python -m benchmarks.panel [--json] [--years 5] [--side 100] [--daily 120]``
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.models.baselines import KernelDensity
from ml.models.hotspots import Hotspots
from ml.panel.panel import Cells, Panel

FIRST_DAY = date(2019, 1, 1)
_SEED = 20_190_101


def synthetic_panel(side: int, days: int, daily: float) -> Panel:
    """Counts of an uneven city of side x side cells of 250 m: what is forecast, and three times as much beside it."""
    counts = pl.concat(
        _synthetic_counts(side, days, daily * times, _SEED + place).with_columns(category_code=pl.lit(code))
        for place, (code, times) in enumerate((("target", 1), ("common", 2), ("rare", 0.5), ("rarer", 0.5)))
    )
    is_target = pl.col("category_code") == "target"
    return Panel.from_counts(_square_city(side), counts, is_target, FIRST_DAY, FIRST_DAY + timedelta(days=days))


def _synthetic_counts(side: int, days: int, daily: float, seed: int) -> pl.DataFrame:
    """Incidents of an uneven city with a weekly rhythm and near-repeats: ``cell_id, occurred_date, incident_count``."""
    random = np.random.default_rng(seed)
    share = random.pareto(1.5, side * side) + 0.05
    total = random.poisson(daily * (1 + 0.15 * np.sin(2 * np.pi * np.arange(days) / 7)))
    day = np.repeat(np.arange(days), total)
    cell = random.choice(side * side, len(day), p=share / share.sum())
    repeats = random.random(len(day)) < 0.1
    day = np.concatenate([day, day[repeats] + random.geometric(0.2, repeats.sum())])
    cell = np.concatenate([cell, cell[repeats]])
    found = pl.DataFrame({"cell": cell, "offset": day}).filter(pl.col("offset") < days)
    counted = found.group_by("cell", "offset").agg(incident_count=pl.len())
    return counted.select(
        cell_id=pl.format("C{}", "cell"),
        occurred_date=pl.lit(FIRST_DAY) + pl.duration(days="offset"),
        incident_count="incident_count",
    )


def _square_city(side: int) -> Cells:
    """A city of side x side cells of 250 m."""
    place = np.arange(side * side)
    return Cells.from_frame(
        pl.DataFrame(
            {
                "cell_id": [f"C{number}" for number in place],
                "easting_m": 250.0 * (place % side),
                "northing_m": 250.0 * (place // side),
                "cell_size_m": np.full(len(place), 250),
            }
        )
    )


def measure(years: int, side: int, daily: float) -> dict[str, float]:
    days = years * 365
    before = _peak_mib()
    last = FIRST_DAY + timedelta(days=days - 1)
    tomorrow = last + timedelta(days=1)

    start = time.perf_counter()
    panel = synthetic_panel(side, days, daily)
    built = time.perf_counter()
    model = Hotspots().fit(panel, last)
    trained = time.perf_counter()
    stored = Hotspots.from_text(model.to_text())
    stored.predict(panel, [tomorrow])
    forecast = time.perf_counter()
    KernelDensity().fit(panel, last).predict(panel, [tomorrow])
    density = time.perf_counter()
    return {
        "cells": len(panel.cells),
        "days": days,
        "incidents": int(panel.totals.sum()),
        "panel_s": round(built - start, 2),
        "training_s": round(trained - built, 2),
        "forecast_s": round(forecast - trained, 2),
        "kernel_density_s": round(density - forecast, 2),
        "training_ratio": round((trained - built) / (density - forecast), 1),
        "forecast_ratio": round((forecast - trained) / (density - forecast), 2),
        "uses_trees": model.uses_trees,
        "peak_mib": round(_peak_mib()),
        "peak_mib_before": round(before),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="only the line of figures")
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--side", type=int, default=100, help="cells along each side of the city")
    parser.add_argument("--daily", type=float, default=120.0, help="incidents a day")
    given = parser.parse_args()
    figures = measure(given.years, given.side, given.daily)
    if not given.json:
        for name, value in figures.items():
            print(f"{name:18} {value}")
    print(json.dumps(figures))


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
