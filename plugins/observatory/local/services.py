"""Start and stop the local services: PostgreSQL, Airflow, a simulated city's portal, log rotation."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import requests

from observatory.errors import StackError
from observatory.local.environment import child_environment, port
from observatory.local.processes import Service, stop_all
from observatory.secrets import secret
from observatory.settings import dbt_options, state_folder
from observatory.territory.city import Territory
from observatory.warehouse import territory_state
from observatory.warehouse.connection import admin_url, embedded_server, plain, role_url

AIRFLOW = {
    "api-server": ["airflow", "api-server"],
    "scheduler": ["airflow", "scheduler"],
    "dag-processor": ["airflow", "dag-processor"],
    "triggerer": ["airflow", "triggerer"],
}
PORTAL = Service("portal")
LOG_ROTATION = Service("log-rotation")
READY_TIMEOUT_S = 300
ADMIN = "admin"
Say = Callable[[str], None]


def up(say: Say = print) -> None:
    """Start the services that do not run yet; return once all components of Airflow report that they are healthy.

    Args:
        say: called with the name of each step.

    Raises:
        StackError: a process ended or did not become ready; the end of its log is quoted.
        WarehouseError: the warehouse could not be started or bootstrapped.
    """
    start_warehouse(say)
    environment = child_environment()
    LOG_ROTATION.start([sys.executable, "-m", "observatory.local.log_rotation"], environment)
    if not PORTAL.is_running():
        for territory in territory_state.territories_in_use().values():
            start_simulator(territory, None)
    if not all(Service(name).is_running() for name in AIRFLOW):
        say("Airflow: migrating its database; dbt: parsing the project")
        finish_all([["airflow", "db", "migrate"], ["dbt", "--quiet", "parse", *dbt_options()]], environment)
        say("Airflow: starting")
        for name in ("dag-processor", "scheduler", "triggerer"):
            Service(name).start(AIRFLOW[name], environment)
        # before the API server starts, which would create the same roles concurrently
        finish_all([[sys.executable, "-m", "observatory.orchestration.users"]], environment)
    for name, command in AIRFLOW.items():
        Service(name).start(command, environment)
    _wait_until_healthy()


def start_warehouse(say: Say = print) -> None:
    """Start the embedded server, if it is used, and bootstrap the warehouse."""
    server = embedded_server()
    if server is not None:
        if server.process() is None:
            say("PostgreSQL: starting")
        server.start()
    from observatory.warehouse.bootstrap import bootstrap

    bootstrap(admin_url())


def start_simulator(territory: Territory, today: date | None) -> None:
    """Start the simulator that a territory declares, if any, and read the city from it; one runs at a time.

    Its command is given ``--port``, ``--push-to`` (the address of Airflow), ``--leave-in`` (a folder for files) and,
    with a chosen day, ``--today``. ``await_simulator`` waits until it responds.

    Args:
        territory: the city.
        today: the simulator lists what was known at the start of this day; None follows the calendar.
    """
    if not territory.simulator:
        return
    command = [*territory.simulator, "--port", str(port("portal"))]
    command += ["--push-to", f"http://127.0.0.1:{port('api')}"]
    command += ["--leave-in", str(state_folder() / "partners" / territory.code)]
    PORTAL.start([*command, *(["--today", str(today)] if today else [])], child_environment())
    territory_state.override_portal(territory.code, _portal_address())


def await_simulator() -> None:
    """Wait until the simulator responds.

    Raises:
        StackError: it ended or did not respond in time; the end of its log is quoted.
    """
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _responds(_portal_address()):
        if not PORTAL.is_running() or time.monotonic() > deadline:
            raise _not_ready(PORTAL)
        time.sleep(0.2)


def _portal_address() -> str:
    return f"http://127.0.0.1:{port('portal')}"


def down(say: Say = print) -> None:
    """Stop every process of the observatory."""
    services = [*map(Service, AIRFLOW), PORTAL, LOG_ROTATION]
    if any(service.members() for service in services):
        say("Airflow: stopping")
    stop_all(services)
    server = embedded_server()
    if server is not None and server.process() is not None:
        say("PostgreSQL: stopping")
        server.stop()


def status() -> dict[str, Any]:
    """Addresses (that of the warehouse includes the password of ``reader``), Airflow's user, and each process."""
    server = embedded_server()
    running = server is None or server.process() is not None
    processes: dict[str, Any] = {}
    if server is not None:
        postmaster = server.process()
        processes["postgres"] = {
            "state": "running" if postmaster else "stopped",
            "pid": postmaster.pid if postmaster else None,
        }
    for service in [PORTAL, *map(Service, AIRFLOW), LOG_ROTATION]:
        pid = service.pid
        processes[service.name] = {"state": "running" if pid else "stopped", "pid": pid, "log": str(service.log)}
    return {
        "warehouse_url": plain(role_url("reader")) if running else None,
        "airflow_url": f"http://127.0.0.1:{port('api')}",
        "airflow_user": ADMIN,
        "airflow_password_file": str(state_folder() / "secrets" / "airflow_admin"),
        "processes": processes,
    }


def airflow_password() -> str:
    """The password of Airflow's user ``admin``, generated on first start."""
    return secret("airflow_admin")


def _wait_until_healthy() -> None:
    address = f"http://127.0.0.1:{port('api')}/api/v2/monitor/health"
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not _is_healthy(address):
        for service in map(Service, AIRFLOW):
            if not service.is_running() or time.monotonic() > deadline:
                raise _not_ready(service)
        time.sleep(0.5)


def _is_healthy(address: str) -> bool:
    try:
        health = requests.get(address, timeout=5).json()
    except requests.RequestException:
        return False
    parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
    return all(health.get(part, {}).get("status") == "healthy" for part in parts)


def _responds(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.RequestException:
        return False


def finish_all(commands: list[list[str]], environment: dict[str, str]) -> None:
    """Run commands in parallel and wait for them; their output goes to ``<state>/logs/setup.log``.

    Raises:
        StackError: a command failed; the end of the log is quoted.
    """
    log_path = state_folder() / "logs" / "setup.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log:
        running = [
            subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603
            for command in commands
        ]
        codes = [process.wait() for process in running]
    for command, code in zip(commands, codes, strict=True):
        if code:
            raise StackError(
                " ".join(command[:3]),
                found=f"exit code {code}: {_end_of(log_path)}",
                expected="exit code 0",
                action=f"Read {log_path}, then run the same command again.",
            )


def _not_ready(service: Service) -> StackError:
    return StackError(
        service.name,
        found=f"not ready: {_end_of(service.log)}",
        expected=f"a ready process within {READY_TIMEOUT_S} s",
        action=f"Read {service.log}, then run: make down, make up",
    )


def _end_of(path: Path) -> str:
    if not path.exists():
        return "no output"
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-400:]
