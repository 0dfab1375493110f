"""The environment of child processes: addresses, secrets, and telemetry switched off."""

from __future__ import annotations

import base64
import os
import secrets
import socket
import sys
from pathlib import Path

import sqlalchemy as sa

from observatory.secrets import secret
from observatory.settings import (
    NO_HIDDEN_CONFIGURATION,
    ROOT,
    TELEMETRY_OFF,
    signals_folder,
    state_folder,
    territories_folder,
)
from observatory.warehouse.connection import ROLES, airflow_url, dbt_environment, full, plain, role_url

# Airflow's log servers listen on every interface regardless of the configuration; see docs/security.md
PORTS = {"api": 8080, "portal": 8790, "worker_log": 8793, "triggerer_log": 8794}


def port(name: str) -> int:
    """The TCP port of a local server: ``OBSERVATORY_<NAME>_PORT``, or else the one chosen on first use."""
    given = os.environ.get(f"OBSERVATORY_{name.upper()}_PORT")
    return int(given) if given else int(secret(f"port_{name}", make=str(_free_port(PORTS[name]))))


def child_environment() -> dict[str, str]:
    """The environment with which a child process reaches the warehouse and Airflow; contains secrets."""
    api = f"http://127.0.0.1:{port('api')}"
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    roles = {role: role_url(role) for role in ROLES if role != "owner"}
    return {
        **os.environ,
        **TELEMETRY_OFF,
        **NO_HIDDEN_CONFIGURATION,
        **dbt_environment(roles["transformer"]),
        **{f"OBSERVATORY_{role.upper()}_URL": full(url) for role, url in roles.items()},
        **{f"AIRFLOW_CONN_WAREHOUSE_{role.upper()}": plain(url) for role, url in roles.items()},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
        # keep compiled modules: each task is a process of its own, and would compile Airflow again
        "PYTHONDONTWRITEBYTECODE": "",
        "OBSERVATORY_STATE": str(state_folder()),
        "OBSERVATORY_SIGNALS": str(signals_folder()),
        "OBSERVATORY_TERRITORIES": str(territories_folder()),
        "AIRFLOW_HOME": str(ROOT),
        "AIRFLOW__CORE__FERNET_KEY": secret("airflow_fernet", make=fernet),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{api}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _airflow_database(),
        "AIRFLOW__API__BASE_URL": api,
        "AIRFLOW__API__PORT": str(port("api")),
        "AIRFLOW__API__SECRET_KEY": secret("airflow_api"),
        "AIRFLOW__API_AUTH__JWT_SECRET": secret("airflow_jwt", make=secrets.token_urlsafe(64)),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(state_folder() / "logs" / "airflow"),
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH": str(state_folder() / "bundles"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(state_folder() / "logs" / "dag_processor"),
        "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(port("worker_log")),
        "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(port("triggerer_log")),
    }


def _airflow_database() -> str:
    url: sa.URL = airflow_url()
    return full(url.set(drivername="postgresql+psycopg2"))


def _free_port(wanted: int) -> int:
    for candidate in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("", candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise AssertionError("binding port 0 always succeeds")
