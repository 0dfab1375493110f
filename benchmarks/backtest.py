"""A year of daily forecasts after 5 years of history, retrained every 28 days: seconds, peak memory, growth.

Seconds are the processor's beside the clock's, so that other work on the machine shows. The growth is the processor
time of the whole city over that of a quarter of it, divided by the ratio of their cells: 1 is linear.

Run: ``python -m benchmarks.backtest [--json] [--years 5] [--side 100] [--daily 120] [--days 365] [--method lightgbm]``
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from datetime import timedelta

from benchmarks.panel import synthetic_panel
from ml.evaluation.backtest import rolling_forecasts
from ml.evaluation.metrics import pool
from ml.models.registry import METHODS, OURS
from ml.panel.history import Known


def measure(method: str, years: int, side: int, daily: float, days: int) -> dict[str, float]:
    """Seconds, incidents and information gain of the backtest of one synthetic city."""
    panel = synthetic_panel(side, years * 365 + days, daily)
    known = Known(panel, 1)
    first_day = panel.end_day - timedelta(days=days)
    start, start_cpu = time.perf_counter(), time.process_time()
    made = rolling_forecasts(
        [METHODS[method]],
        lambda _: known,
        truth=panel,
        first_day=first_day,
        last_day=panel.end_day - timedelta(days=1),
    )
    metrics = pool(forecast.score for forecast in made)
    return {
        "cells": side * side,
        "incidents": metrics.incident_count,
        "information_gain": round(metrics.information_gain or 0.0, 4),
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_s": round(time.process_time() - start_cpu, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="only the line of figures")
    parser.add_argument("--years", type=int, default=5, help="history before the first forecast")
    parser.add_argument("--side", type=int, default=100, help="cells along each side of the city")
    parser.add_argument("--daily", type=float, default=120.0, help="incidents a day in the whole city")
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--method", default=OURS, choices=sorted(METHODS))
    given = parser.parse_args()
    quarter = measure(given.method, given.years, given.side // 2, given.daily / 4, given.days)
    figures = measure(given.method, given.years, given.side, given.daily, given.days)
    figures["peak_mib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    figures["growth"] = round(figures["cpu_s"] / quarter["cpu_s"] * quarter["cells"] / figures["cells"], 2)
    if not given.json:
        for name, value in figures.items():
            print(f"{name:18} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
