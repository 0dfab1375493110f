"""Every method on 5 years x 10,000 synthetic cells: seconds to fit and to predict 28 days, and their ratio.

Seconds are the processor's, so that other work on the machine does not count; the ratio is to the kernel density.

Run: ``python -m benchmarks.methods [--json] [--years 5] [--side 100] [--daily 120] [--methods all]``
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta

from benchmarks.panel import synthetic_panel
from ml.models.base import Method
from ml.models.registry import ALL, METHODS, methods_named
from ml.panel.panel import Panel

_DAYS = 28
_YARDSTICK = "kernel_density"


def measure(methods: list[Method], years: int, side: int, daily: float) -> dict[str, dict[str, float]]:
    """Seconds and ratios by method, the yardstick among them."""
    panel = synthetic_panel(side, years * 365, daily)
    seconds = {method.name: _seconds(method, panel) for method in (METHODS[_YARDSTICK], *methods)}
    unit = sum(seconds[_YARDSTICK])
    return {
        name: {
            "fit_s": round(fit_s, 3),
            "predict_s": round(predict_s, 3),
            "ratio": round((fit_s + predict_s) / unit, 2),
        }
        for name, (fit_s, predict_s) in seconds.items()
    }


def _seconds(method: Method, panel: Panel) -> tuple[float, float]:
    through = panel.end_day - timedelta(days=_DAYS + 1)
    days = [through + timedelta(days=ahead) for ahead in range(1, _DAYS + 1)]
    start = time.process_time()
    fitted = method.fit(panel, through)
    middle = time.process_time()
    fitted.predict(panel, days)
    return middle - start, time.process_time() - middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="only the line of figures")
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--side", type=int, default=100, help="cells along each side of the city")
    parser.add_argument("--daily", type=float, default=120.0, help="incidents a day")
    parser.add_argument("--methods", default=ALL, help="comma-separated, or all")
    given = parser.parse_args()
    figures = measure(methods_named(given.methods.split(",")), given.years, given.side, given.daily)
    if not given.json:
        print(f"{'method':26} {'fit_s':>8} {'predict_s':>10} {'ratio':>8}")
        for name, found in figures.items():
            print(f"{name:26} {found['fit_s']:8.3f} {found['predict_s']:10.3f} {found['ratio']:8.2f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
