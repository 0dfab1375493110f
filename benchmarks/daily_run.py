"""What the scheduler costs: one day's extract, transform and forecast through Airflow, against the same steps run bare.

    python -m benchmarks.daily_run [--json]

A demo city with half a year of history is brought up in a state folder of its own; then the same partition is run three
times through Airflow (extract triggered, transform and forecast started by the data) and three times as bare commands,
one process a step. Medians are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

TODAY, YESTERDAY, SINCE, REPEATS = "2024-07-01", "2024-06-30", "2024-01-02", 3
EXTRACT = f"""
from datetime import date
from observatory.ingest.extract import extract
from observatory.ingest.windows import window_of_day
from observatory.warehouse.territory_state import effective_territory
from observatory.warehouse.connection import role_url
city = effective_territory("demo")
window = window_of_day(city, "incidents", date.fromisoformat("{YESTERDAY}"))
extract(role_url("loader"), city, "incidents", window)
"""


def bare_seconds(environment: dict[str, str]) -> float:
    """Run the three steps as commands, one after the other."""
    from observatory.settings import dbt_options

    variables = {"territory_code": "demo", "since_last_build": True}
    steps = [
        [sys.executable, "-c", EXTRACT],
        ["dbt", "--quiet", "build", "--vars", json.dumps(variables), *dbt_options()],
        ["observatory-ml", "forecast", "--territory", "demo", "--day", TODAY],
    ]
    started = time.perf_counter()
    for step in steps:
        subprocess.run(step, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def airflow_seconds() -> float:
    """Trigger the extract; wait for the forecast that its data starts."""
    from observatory.local import services
    from observatory.local.environment import port
    from observatory.orchestration.api_client import AirflowApi, now

    api = AirflowApi(f"http://127.0.0.1:{port('api')}", services.ADMIN, services.airflow_password())
    since, started = now(), time.perf_counter()
    api.follow("demo.extract.incidents", api.trigger("demo.extract.incidents", YESTERDAY))
    api.follow("demo.forecast", api.run_of("demo.forecast", YESTERDAY, since))
    seconds = time.perf_counter() - started
    api.follow("demo.score", api.run_of("demo.score", YESTERDAY, since))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    arguments = parser.parse_args()
    state = Path(tempfile.mkdtemp(prefix="observatory-bench-"))
    state.chmod(0o755)
    os.environ["OBSERVATORY_STATE"] = str(state)
    command = [sys.executable, "-m", "observatory.cli"]
    try:
        subprocess.run([*command, "run", "demo", "--day", TODAY, "--since", SINCE], check=True, stdout=sys.stderr)
        from observatory.local.environment import child_environment

        environment = child_environment()
        bare = _median(lambda: bare_seconds(environment))
        scheduled = _median(airflow_seconds)
    finally:
        subprocess.run([*command, "down"], check=True, stdout=sys.stderr)
        shutil.rmtree(state, ignore_errors=True)
    figures = {
        "bare_seconds": round(bare, 1),
        "airflow_seconds": round(scheduled, 1),
        "overhead_seconds": round(scheduled - bare, 1),
        "overhead_ratio": round(scheduled / bare, 2),
    }
    print(
        json.dumps(figures) if arguments.json else "\n".join(f"{name:<18} {value}" for name, value in figures.items())
    )


def _median(measure: Callable[[], float]) -> float:
    return statistics.median(measure() for _ in range(REPEATS))


if __name__ == "__main__":
    main()
