"""A client of Airflow's public API for the quickstart: unpause DAGs, trigger runs, wait for them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import requests

from observatory.errors import StackError

POLL_S = 1.0
DONE = {"success", "skipped"}
FAILED = {"failed", "up_for_retry"}
Progress = Callable[[int, int, str], None]


class RunFailed(StackError):
    """A run failed, or one of its tasks failed and will be retried.

    Args:
        dag_id: the DAG.
        run_id: its run.
        reason: the error of the first task that failed.
        error_type: class name of that error; empty if no error was logged.
        address: URL of the run in Airflow.
    """

    def __init__(self, dag_id: str, run_id: str, reason: str, error_type: str, address: str) -> None:
        self.reason, self.error_type = reason, error_type
        super().__init__(
            f"{dag_id} {run_id}",
            found=f"failed at {reason}",
            expected="success",
            action=f"Open {address} and read the log of the task.",
        )


@dataclass
class AirflowApi:
    """A session with Airflow's API server.

    Args:
        address: base URL.
        user: name of a user who may trigger runs.
        password: the user's password.
    """

    address: str
    user: str
    password: str
    _token: str = field(default="", repr=False)
    _session: requests.Session = field(default_factory=requests.Session, repr=False)

    def unpause(self, dag_ids: list[str], timeout_s: float = 180) -> None:
        """Wait until Airflow has parsed these DAGs, then unpause them.

        Raises:
            StackError: a DAG did not appear; Airflow's import errors are quoted.
        """
        deadline = time.monotonic() + timeout_s
        for dag_id in dag_ids:
            while self._request("GET", f"dags/{dag_id}", allow_missing=True) is None:
                if time.monotonic() > deadline:
                    errors = [
                        e["stack_trace"].strip().splitlines()[-1] for e in self._get("importErrors")["import_errors"]
                    ]
                    raise StackError(
                        f"Airflow at {self.address}",
                        found=f"no DAG {dag_id} ({'; '.join(errors) or 'no import error'})",
                        expected="one DAG per feed and step of the territory",
                        action="Correct the file named above, then run again.",
                    )
                time.sleep(POLL_S)
            self._request("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, partition_key: str | None = None, conf: dict[str, Any] | None = None) -> str:
        """Start a run and return its id."""
        body = {"logical_date": None, "partition_key": partition_key, "conf": conf or {}}
        return self._request("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"]

    def follow(self, dag_id: str, run_id: str, progress: Progress | None = None, until: str | None = None) -> None:
        """Wait for the end of a run, or of one of its tasks.

        Args:
            dag_id: the DAG.
            run_id: one of its runs.
            progress: called with the number of finished task instances, their total, and the state of the run.
            until: the task after whose success not to wait for the others; None for the end of the run.

        Raises:
            StackError: the run failed; the failed tasks are named.
        """
        while True:
            state = self._get(f"dags/{dag_id}/dagRuns/{quote(run_id)}")["state"]
            tasks = self._tasks(dag_id, run_id)
            if progress:
                waiting = sorted({t["task_id"] for t in tasks if t["state"] == "up_for_retry"})
                text = f"{', '.join(waiting)} failed and will be retried" if waiting else state
                progress(sum(t["state"] in DONE for t in tasks), len(tasks), text)
            if state == "success" or any(t["task_id"] == until and t["state"] == "success" for t in tasks):
                return
            if state == "failed":
                raise self._failed(dag_id, run_id, tasks)
            time.sleep(POLL_S)

    def has_succeeded(self, dag_id: str, run_id: str, *, await_retries: bool = True) -> bool:
        """Whether a run has ended successfully.

        Args:
            dag_id: the DAG.
            run_id: one of its runs.
            await_retries: whether to wait for the retry of a task that failed instead of raising.

        Raises:
            RunFailed: the run failed, or a task failed and ``await_retries`` is false.
        """
        state = self._get(f"dags/{dag_id}/dagRuns/{quote(run_id)}")["state"]
        if state == "failed" or (state == "running" and not await_retries):
            tasks = self._tasks(dag_id, run_id)
            if state == "failed" or any(task["state"] == "up_for_retry" for task in tasks):
                raise self._failed(dag_id, run_id, tasks)
        return state == "success"

    def run_of(self, dag_id: str, partition_key: str, since: datetime, timeout_s: float = 300) -> str:
        """The id of the run that an asset event started for a partition, at ``since`` or later.

        Raises:
            StackError: no such run appeared in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            runs = self._get(f"dags/{dag_id}/dagRuns", order_by="-id", limit=20)["dag_runs"]
            for run in runs:
                if run["partition_key"] == partition_key and datetime.fromisoformat(run["run_after"]) >= since:
                    return run["dag_run_id"]
            time.sleep(POLL_S)
        raise StackError(
            dag_id,
            found=f"no run for {partition_key} within {timeout_s:.0f} s",
            expected="a run started by the asset it is scheduled on",
            action=f"Open {self.address}/dags/{dag_id} and look at its assets.",
        )

    def span(self, dag_id: str, run_id: str) -> tuple[datetime, datetime]:
        """Start and end of a finished run."""
        run = self._get(f"dags/{dag_id}/dagRuns/{quote(run_id)}")
        return datetime.fromisoformat(run["start_date"]), datetime.fromisoformat(run["end_date"])

    def _failed(self, dag_id: str, run_id: str, tasks: list[dict[str, Any]]) -> RunFailed:
        """The error of a run's first failed task, or of the run that this task was waiting for."""
        failed = sorted((t for t in tasks if t["state"] in FAILED), key=lambda task: task["end_date"])
        reason, error_type = "no task failed", ""
        if failed:
            log = self._log_of(dag_id, run_id, failed[0])
            for line in log:
                if line.get("event", "").startswith("Waiting for dag run"):
                    return self._failed(line["dag_id"], line["run_id"], self._tasks(line["dag_id"], line["run_id"]))
            errors = [error for line in log for error in line.get("error_detail") or []]
            reason = f"{failed[0]['task_id']}: see its log"
            if errors:
                reason = f"{failed[0]['task_id']}: {' '.join(errors[-1]['exc_value'].split())[:600]}"
                error_type = errors[-1].get("exc_type", "")
        return RunFailed(dag_id, run_id, reason, error_type, f"{self.address}/dags/{dag_id}/runs/{run_id}")

    def _tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        return self._get(f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances", limit=500)["task_instances"]

    def _log_of(self, dag_id: str, run_id: str, task: dict[str, Any]) -> list[dict[str, Any]]:
        """The structured lines of a task's last try."""
        path = (
            f"dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task['task_id']}/logs/{max(task['try_number'], 1)}"
        )
        lines = self._get(path, map_index=task["map_index"]).get("content") or []
        return [line for line in lines if isinstance(line, dict)]

    def _get(self, path: str, **query: Any) -> dict[str, Any]:
        return self._request("GET", path, params=query)

    def _request(self, method: str, path: str, *, allow_missing: bool = False, **options: Any) -> Any:
        for attempt in range(5):
            if not self._token:
                self._token = self._log_in()
            try:
                response = self._session.request(
                    method,
                    f"{self.address}/api/v2/{path}",
                    headers={"Authorization": f"Bearer {self._token}"},
                    timeout=60,
                    **options,
                )
            except requests.ConnectionError:
                time.sleep(POLL_S * (attempt + 1))
                continue
            if response.status_code == 401:
                self._token = ""
                continue
            if response.status_code == 404 and allow_missing:
                return None
            if response.ok:
                return response.json()
            break
        else:
            raise self._failure("no response")
        raise self._failure(f"{method} {path}: {response.status_code} {response.text[:300]}")

    def _log_in(self) -> str:
        credentials = {"username": self.user, "password": self.password}
        response = requests.post(f"{self.address}/auth/token", json=credentials, timeout=60)
        if not response.ok:
            raise self._failure(f"login failed with status {response.status_code}")
        return response.json()["access_token"]

    def _failure(self, found: str) -> StackError:
        return StackError(
            f"Airflow at {self.address}",
            found=found,
            expected=f"a response for user {self.user}",
            action="Run: make status. Then: make down, make up",
        )


def now() -> datetime:
    """The present moment, UTC; runs that start later can then be told from earlier ones."""
    return datetime.now(UTC)
