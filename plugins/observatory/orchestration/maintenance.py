"""The maintenance DAG's tasks, and the retention periods of Airflow's rows, logs and compiled SQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from observatory.errors import StackError
from observatory.settings import dbt_target, state_folder

AIRFLOW_KEPT = timedelta(days=30)
"""Finished runs, their tasks and XComs, asset events, and Airflow's audit log."""
LOGS_KEPT = timedelta(days=14)
"""Logs of tasks and of the DAG processor; the logs of services rotate by size instead."""
DBT_KEPT = timedelta(days=7)
"""SQL that dbt compiled; the manifest, which the DAGs are made from, is kept."""
DBT_NEEDED = frozenset({"manifest.json", "partial_parse.msgpack", "semantic_manifest.json"})


def clean_airflow(environment: Mapping[str, str], now: datetime | None = None) -> None:
    """Remove old rows from Airflow's database by ``airflow db clean``, which keeps the last scheduled run of a DAG.

    Args:
        environment: variables with the address of Airflow's database, which a task's own environment lacks.
        now: the present moment, UTC.

    Raises:
        StackError: the command failed; the end of its output is quoted.
    """
    before = (now or datetime.now(UTC)) - AIRFLOW_KEPT
    airflow = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    command = [*airflow, "--clean-before-timestamp", before.isoformat()]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise StackError(
            "airflow db clean",
            found=f"exit code {done.returncode}: {' | '.join((done.stdout + done.stderr).splitlines()[-3:])[-400:]}",
            expected="exit code 0",
            action="Nothing else depends on this task; read its log and run it again.",
        )


def clean_files(now: datetime | None = None) -> int:
    """Remove old logs of tasks and SQL that dbt compiled; returns the number of files."""
    now, logs = now or datetime.now(UTC), state_folder() / "logs"
    return (
        remove_old_files(logs / "airflow", now - LOGS_KEPT)
        + remove_old_files(logs / "dag_processor", now - LOGS_KEPT)
        + remove_old_files(dbt_target(), now - DBT_KEPT, needed=DBT_NEEDED)
    )


def remove_old_files(folder: Path, before: datetime, needed: Collection[str] = ()) -> int:
    """Remove the files below a folder that were last written before a moment, and the folders this leaves empty.

    Args:
        folder: need not exist, and is not removed itself. Links are not followed.
        before: UTC.
        needed: names of files to keep, however old.

    Returns:
        How many files were removed.
    """
    removed = 0
    # deepest paths first, so that a folder is checked after its content
    for path in sorted(folder.rglob("*"), key=lambda each: len(each.parts), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()) and path.stat().st_mtime < before.timestamp():
                path.rmdir()
        elif path.name not in needed and path.lstat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)
            removed += 1
    return removed
