"""Maintenance removes old files and rows, and keeps new ones and those that are still needed."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta

from observatory.orchestration import maintenance
from observatory.orchestration.maintenance import AIRFLOW_KEPT, DBT_KEPT, LOGS_KEPT
from observatory.settings import ROOT, TELEMETRY_OFF

NOW = datetime(2026, 6, 1, 3, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def write(path, written):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (written.timestamp(),) * 2)
    os.utime(path.parent, (written.timestamp(),) * 2)


def test_old_files_are_deleted_and_new_ones_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path))
    logs, dbt = tmp_path / "logs", tmp_path / "dbt"
    kept = {
        logs / "airflow" / "dag_id=demo.now" / "run_id=2" / "1.log": NOW - LOGS_KEPT + HOUR,
        logs / "dag_processor" / "2026-05-31" / "a.log": NOW - HOUR,
        logs / "scheduler.log": NOW - 9 * LOGS_KEPT,
        dbt / "manifest.json": NOW - 9 * DBT_KEPT,
        dbt / "partial_parse.msgpack": NOW - 9 * DBT_KEPT,
        dbt / "compiled" / "new.sql": NOW - DBT_KEPT + HOUR,
        tmp_path / "secrets" / "reader": NOW - timedelta(days=999),
        tmp_path / "signals" / "demo" / "part-1.parquet": NOW - timedelta(days=999),
    }
    old = {
        logs / "airflow" / "dag_id=demo.now" / "run_id=1" / "1.log": NOW - LOGS_KEPT - HOUR,
        logs / "dag_processor" / "2026-01-01" / "a.log": NOW - LOGS_KEPT - HOUR,
        dbt / "run" / "gone" / "old.sql": NOW - DBT_KEPT - HOUR,
    }
    for path, written in (kept | old).items():
        write(path, written)
    assert maintenance.clean_files(NOW) == len(old)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(kept)
    assert (logs / "airflow" / "dag_id=demo.now" / "run_id=2").is_dir()
    assert maintenance.clean_files(NOW) == 0


def test_old_rows_of_airflow_are_deleted_and_new_ones_kept(tmp_path):
    database = tmp_path / "airflow.db"
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OBSERVATORY_", "AIRFLOW_"))}
    environment |= TELEMETRY_OFF | {
        "OBSERVATORY_STATE": str(tmp_path),
        "AIRFLOW_HOME": str(ROOT),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{database}",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(tmp_path / "logs"),
    }
    migrate = [sys.executable, "-m", "airflow", "db", "migrate"]
    subprocess.run(migrate, env=environment, check=True, capture_output=True)
    moments = {"old": NOW - AIRFLOW_KEPT - HOUR, "new": NOW - AIRFLOW_KEPT + HOUR}
    with sqlite3.connect(database) as connection:
        for age, moment in moments.items():
            text = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
            connection.execute("insert into log (dttm, event) values (?, ?)", (text, age))
            connection.execute(
                "insert into job (job_type, latest_heartbeat, hostname) values ('TriggererJob', ?, ?)",
                (text, age),
            )
    maintenance.clean_airflow(environment, NOW)
    with sqlite3.connect(database) as connection:
        assert connection.execute("select event from log where event in ('old', 'new')").fetchall() == [("new",)]
        assert connection.execute("select hostname from job where hostname in ('old', 'new')").fetchall() == [("new",)]
