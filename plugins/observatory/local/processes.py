"""Long-running processes: each leads a session of its own, so that all its descendants can be ended with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from observatory.settings import state_folder

STOP_TIMEOUT_S = 15


@dataclass(frozen=True)
class Service:
    """A named process and the session that it leads; a file in the state folder has its id for later commands."""

    name: str

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start the process unless it already runs with this command; it logs to ``<state>/logs/<name>.log``."""
        if self.is_running() and self._command() == list(command):
            return
        self.stop()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._pid_file.parent.mkdir(parents=True, exist_ok=True)
        self._command_file.write_text(json.dumps(list(command)), encoding="utf-8")
        self._pid_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            # the child writes its own id before it executes the program, so that it is known even if we are killed
            process = subprocess.Popen(  # noqa: S603
                ["/bin/sh", "-c", 'echo $$ >"$0" && exec "$@"', str(self._pid_file), *command],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while not self._leader() and process.poll() is None:
            time.sleep(0.01)

    def stop(self) -> None:
        """End the whole session; see ``stop_all``."""
        stop_all([self])

    def forget(self) -> None:
        """Remove the files of a session that has ended."""
        self._pid_file.unlink(missing_ok=True)
        self._command_file.unlink(missing_ok=True)

    def is_running(self) -> bool:
        """Whether the session's leader is alive."""
        leader = self._leader()
        return any(member.pid == leader for member in self.members())

    def members(self) -> list[psutil.Process]:
        """Every living process of the session, including orphans."""
        leader = self._leader()
        if not leader:
            return []
        # the system may reuse a session id; processes older than the pid file are not ours
        noted_at = self._pid_file.stat().st_mtime
        found = []
        for process in psutil.process_iter(["create_time", "status"]):
            with suppress(ProcessLookupError, PermissionError):
                if os.getsid(process.pid) != leader or process.info["create_time"] < noted_at - 2:
                    continue
                if process.info["status"] == psutil.STATUS_ZOMBIE:
                    _reap(process.pid)
                else:
                    found.append(process)
        return found

    @property
    def log(self) -> Path:
        """File with the output of the process."""
        return state_folder() / "logs" / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        """The leader's process id, while it is alive."""
        return self._leader() if self.is_running() else None

    @property
    def _pid_file(self) -> Path:
        return state_folder() / "run" / f"{self.name}.pid"

    @property
    def _command_file(self) -> Path:
        return state_folder() / "run" / f"{self.name}.json"

    def _leader(self) -> int | None:
        with suppress(FileNotFoundError, ValueError):
            return int(self._pid_file.read_text(encoding="utf-8"))
        return None

    def _command(self) -> list[str]:
        with suppress(FileNotFoundError, ValueError):
            return json.loads(self._command_file.read_text(encoding="utf-8"))
        return []


def stop_all(services: Sequence[Service]) -> None:
    """End every process of the sessions, by SIGTERM and then SIGKILL; their leaders may have ended already."""
    for force in (signal.SIGTERM, signal.SIGKILL):
        members = [member for service in services for member in service.members()]
        for member in members:
            with suppress(psutil.NoSuchProcess):
                member.send_signal(force)
        psutil.wait_procs(members, timeout=STOP_TIMEOUT_S)
    for service in services:
        service.forget()


def _reap(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
