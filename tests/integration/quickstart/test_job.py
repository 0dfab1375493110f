"""The main job on the simulated city, through the real scheduler: once, killed in the middle, and again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import requests

pytestmark = pytest.mark.timeout(1800)
RUN = ["run", "demo", "--day", "2024-07-01", "--since", "2024-02-01"]
TABLES = """
    select format('%I.%I', schemaname, tablename) from pg_tables
    where schemaname in ('raw', 'core', 'ml') order by 1
"""


class Observatory:
    """The command line, in a state folder of its own."""

    def __init__(self, state: Path) -> None:
        self.state = state
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OBSERVATORY_", "AIRFLOW"))}
        self.environment = {**kept, "OBSERVATORY_STATE": str(state)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "observatory.cli", *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __call__(self, *arguments: str) -> str:
        process = self.start(*arguments)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def status(self) -> dict:
        return json.loads(self("status", "--json"))

    def processes(self) -> list[psutil.Process]:
        """Every process that works on this state folder, found without the observatory's own bookkeeping."""
        return [p for p in psutil.process_iter() if _mentions(p, str(self.state))]

    def tables(self) -> dict[str, tuple[int, str]]:
        """Row count and checksum of every table outside ``ops``."""
        password = (self.state / "secrets" / "postgres").read_text()
        address = self.status()["warehouse_url"].split("@")[1]
        with psycopg.connect(f"postgresql://postgres:{password}@{address}") as connection:
            names = [name for (name,) in connection.execute(TABLES)]
            query = (
                "select count(*), coalesce(md5(string_agg(md5(t::text), '' order by md5(t::text))), '') from {} as t"
            )
            return {name: connection.execute(query.format(name)).fetchone() for name in names}

    def rows(self, query: str) -> list[tuple]:
        with psycopg.connect(self.status()["warehouse_url"]) as connection:
            return connection.execute(query).fetchall()


def _mentions(process: psutil.Process, folder: str) -> bool:
    try:
        return process.environ().get("OBSERVATORY_STATE") == folder or any(folder in part for part in process.cmdline())
    except psutil.Error:
        return False


@pytest.fixture(scope="module")
def observatory() -> Iterator[Observatory]:
    folder = Path(tempfile.mkdtemp(prefix="observatory-main-job-"))
    folder.chmod(0o755)
    observatory = Observatory(folder)
    yield observatory
    observatory("down")
    left = observatory.processes()
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, f"`down` left {left}"


@pytest.fixture(scope="module")
def output(observatory: Observatory) -> str:
    return observatory(*RUN)


def test_it_ends_with_the_addresses_to_open(observatory, output):
    assert "✓ Forecast today" in output
    status = observatory.status()
    assert status["airflow_url"] in output
    assert "user admin" in output
    assert status["warehouse_url"] in output
    assert "SIMULATED" in output
    assert {name: p["state"] for name, p in status["processes"].items()} == dict.fromkeys(
        ["postgres", "portal", "api-server", "scheduler", "dag-processor", "triggerer", "log-rotation"], "running"
    )


def test_deliveries_of_the_police_are_loaded_and_requests_without_a_token_refused(observatory, output):
    ((name, read_count),) = observatory.rows(
        "select file_name, read_count from ops.delivery join ops.load using (load_id) "
        "where delivery.feed_id = 'operations'"
    )
    assert read_count > 0
    url = f"{observatory.status()['airflow_url']}/observatory/push/demo/operations"
    response = requests.get(f"{url}/{name.partition('.')[0]}", timeout=10)
    assert response.status_code == 401
    token = {"Authorization": f"Bearer {observatory('push-token', 'demo', 'operations').strip()}"}
    response = requests.get(f"{url}/{name.partition('.')[0]}", headers=token, timeout=10)
    assert (response.status_code, response.json()["state"]) == (200, "loaded")
    refused = [requests.post(f"{url}{feed}", data=b"{}", timeout=10) for feed in ("", "nothing")]
    assert {(answer.status_code, answer.text) for answer in refused} == {(401, refused[0].text)}
    elsewhere = requests.get(f"{observatory.status()['airflow_url']}/api/v2/dags", headers=token, timeout=10)
    assert elsewhere.status_code in (401, 403), "a partner's token opens nothing else"


def test_todays_forecast_has_every_cell_once_and_states_its_data(observatory, output):
    rows = observatory.rows(
        "select category_group, count(*), count(distinct cell_id), "
        "min(risk_rank), max(risk_rank), count(distinct risk_rank), "
        "min(data_as_of), max(data_as_of), bool_and(is_simulated), min(horizon_days) "
        "from tomorrow.hotspot where territory_code = 'demo' and forecast_date = '2024-07-01' group by 1 order by 1"
    )
    (cells,) = observatory.rows(
        "select count(*) from core.dim_cell where territory_code = 'demo' and is_forecast_cell"
    )[0]
    assert [row[0] for row in rows] == ["disorder", "property", "violent"]
    for _, count, distinct, first, last, ranks, known, known_last, is_simulated, horizon in rows:
        assert (count, distinct, first, last, ranks) == (cells, cells, 1, cells, cells)
        assert known == known_last
        assert known.isoformat() <= "2024-07-01T00:00:00+02:00"
        assert is_simulated
        assert horizon >= 1


def test_yesterdays_forecast_and_four_baselines_are_scored(observatory, output):
    methods = observatory.rows(
        "select distinct method from ml.forecast_score where evaluation = 'live' and forecast_date = '2024-06-30'"
    )
    assert {"lightgbm", "flat", "mean_28d", "mean_365d", "kernel_density"} <= {method for (method,) in methods}
    assert observatory.rows("select count(*) from tomorrow.skill where evaluation = 'backtest' and is_ours")[0][0] == 3


def test_every_load_balances(observatory, output):
    assert observatory.rows(
        "select count(*) from ops.load "
        "where read_count <> accepted_count + rejected_count + unchanged_count + outside_count"
    ) == [(0,)]
    assert observatory.rows("select sum(accepted_count) > 12000 from ops.load where feed_id = 'incidents'") == [(True,)]


def test_airflow_requires_a_login(observatory, output):
    address = observatory.status()["airflow_url"]
    assert requests.get(f"{address}/api/v2/dags", timeout=30).status_code == 401
    wrong = requests.post(f"{address}/auth/token", json={"username": "admin", "password": "admin"}, timeout=30)
    assert wrong.status_code == 401


def test_a_killed_and_restarted_run_gives_the_same_tables(observatory, output):
    before = observatory.tables()
    assert all(
        before[name][0] for name in ("raw.incident", "core.fct_incident", "ml.hotspot_forecast", "ml.forecast_score")
    )
    process = observatory.start(*RUN)
    for line in process.stdout:
        if line.startswith("… Load"):
            break
    time.sleep(15)
    for victim in [p for p in observatory.processes() if p.pid != os.getpid()]:
        victim.send_signal(signal.SIGKILL)
    process.wait()
    assert "Forecast today" in observatory(*RUN)
    assert observatory.tables() == before
