"""What the maintenance DAG removes, and how long things are kept: the one place where that is stated."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from observatory.errors import StackError
from observatory.settings import dbt_target, state_folder

AIRFLOW_KEPT = timedelta(days=30)
"""Finished runs, their tasks and what tasks handed on (XCom), asset events, and Airflow's audit log."""
LOGS_KEPT = timedelta(days=14)
"""Logs of single tasks and of the parsing of single DAG files; the logs of processes rotate by size instead."""
DBT_KEPT = timedelta(days=7)
"""SQL that dbt compiled; the manifest, which the schedules are made from, stays."""
DBT_NEEDED = frozenset({"manifest.json", "partial_parse.msgpack", "semantic_manifest.json"})


def clean_airflow(environment: Mapping[str, str], now: datetime | None = None) -> None:
    """Remove old rows from Airflow's database with Airflow's own command; the last scheduled run of a DAG stays.

    Args:
        environment: with the address of Airflow's database, which a task's own environment does not have.
        now: the present moment, UTC.

    Raises:
        StackError: the command failed; the end of what it printed is quoted.
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
            action="Nothing else depends on it; read the log of this task, and run it again.",
        )


def clean_files(now: datetime | None = None) -> int:
    """Remove old logs of tasks and what dbt compiled; returns how many files."""
    now, logs = now or datetime.now(UTC), state_folder() / "logs"
    return (
        remove_old_files(logs / "airflow", now - LOGS_KEPT)
        + remove_old_files(logs / "dag_processor", now - LOGS_KEPT)
        + remove_old_files(dbt_target(), now - DBT_KEPT, needed=DBT_NEEDED)
    )


def remove_old_files(folder: Path, before: datetime, needed: Collection[str] = ()) -> int:
    """Remove the files below a folder that were last written before a moment, and the folders this leaves empty.

    Args:
        folder: need not exist; stays itself. Links are not followed.
        before: UTC.
        needed: names of files that stay, however old.

    Returns:
        How many files were removed.
    """
    removed = 0
    # the deepest first, so that a folder is looked at after what lies in it
    for path in sorted(folder.rglob("*"), key=lambda each: len(each.parts), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()) and path.stat().st_mtime < before.timestamp():
                path.rmdir()
        elif path.name not in needed and path.lstat().st_mtime < before.timestamp():
            path.unlink(missing_ok=True)
            removed += 1
    return removed
