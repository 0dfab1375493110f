"""Folders and limits, which environment variables override, and telemetry that is off in every process."""

from __future__ import annotations

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def project_folder() -> Path:
    """Folder of ``dags``, ``dbt_project``, ``sql``, ``territories`` and ``airflow.cfg``.

    ``OBSERVATORY_HOME`` sets it. Without it, it is the checkout that this package lies in; where the package was
    installed from a wheel, the working directory.
    """
    home = os.environ.get("OBSERVATORY_HOME")
    return Path(home or (CHECKOUT if (CHECKOUT / "dbt_project").is_dir() else Path.cwd())).resolve()


ROOT = project_folder()
DBT_PROJECT = ROOT / "dbt_project"
DBT_PROFILE, DBT_TARGET = "observatory", "warehouse"
TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    "SCARF_NO_ANALYTICS": "true",
    "SCARF_ANALYTICS": "false",
}
NO_HIDDEN_CONFIGURATION = {"PROVIDERS__ENABLE_AIRFLOW_SECRETS": "false"}
"""dlt would otherwise import Airflow to look for secrets in its variables, where none of ours are."""


def state_folder() -> Path:
    """Folder of everything written at run time (secrets, logs, embedded server); ``OBSERVATORY_STATE`` sets it."""
    return Path(os.environ.get("OBSERVATORY_STATE", ROOT / "var")).resolve()


def push_limit_bytes() -> int:
    """Size of the largest file that the push API accepts; ``OBSERVATORY_PUSH_LIMIT_BYTES`` sets it."""
    return int(os.environ.get("OBSERVATORY_PUSH_LIMIT_BYTES", "100000000"))


def unpacked_limit_bytes() -> int:
    """Size up to which a compressed file is unpacked; ``OBSERVATORY_UNPACKED_LIMIT_BYTES`` sets it."""
    return int(os.environ.get("OBSERVATORY_UNPACKED_LIMIT_BYTES", "20000000000"))


def signals_folder() -> Path:
    """Folder of the signals' Parquet; ``OBSERVATORY_SIGNALS`` moves it."""
    return Path(os.environ.get("OBSERVATORY_SIGNALS", state_folder() / "signals")).resolve()


def dbt_target() -> Path:
    """Folder of dbt's manifest and run results."""
    return state_folder() / "dbt"


def dbt_options() -> list[str]:
    """Options that every dbt command has in common: the folders of the project and of what dbt writes, the profile.

    dbt parses the whole project again if one command names another profile or target than the last.
    """
    folders = [
        "--project-dir",
        str(DBT_PROJECT),
        "--profiles-dir",
        str(DBT_PROJECT),
        "--target-path",
        str(dbt_target()),
    ]
    return [*folders, "--profile", DBT_PROFILE, "--target", DBT_TARGET]


def territories_folder() -> Path:
    """Folder of the territory files; ``OBSERVATORY_TERRITORIES`` sets it."""
    return Path(os.environ.get("OBSERVATORY_TERRITORIES", ROOT / "territories")).resolve()
