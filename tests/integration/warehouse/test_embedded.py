"""The embedded server: one per folder, only on this machine, recovers after a kill, leaves no process when stopped."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from observatory.errors import WarehouseError
from observatory.warehouse.embedded import EmbeddedServer

PASSWORD = "not-a-secret"
START = """
import sys, pathlib
from observatory.warehouse.embedded import EmbeddedServer
server = EmbeddedServer(pathlib.Path(sys.argv[1]), sys.argv[2])
print(server.start(), server.process().pid)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")


def state_folder(mode=0o755):
    folder = Path(tempfile.mkdtemp(prefix="observatory-embedded-"))
    folder.chmod(mode)
    return folder


@pytest.fixture(scope="module")
def first_starts():
    """A folder where four processes start the server at once, for the first time; and what each of them says."""
    folder = state_folder()
    (folder / "postgres" / "data.new").mkdir(parents=True)
    (folder / "postgres" / "data.new" / "half").write_text("left by a first start that was killed")
    command = [sys.executable, "-c", START, str(folder), PASSWORD]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = [starter.communicate(timeout=60)[0] for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0, 0, 0]
    yield folder, said
    EmbeddedServer(folder, PASSWORD).stop()
    shutil.rmtree(folder)


@pytest.fixture
def embedded(first_starts):
    """The server of this module, running."""
    server = EmbeddedServer(first_starts[0], PASSWORD)
    server.start()
    return server


def connect(server, password=PASSWORD):
    return psycopg.connect(
        host="127.0.0.1",
        port=server.running_port(),
        user="postgres",
        password=password,
        dbname="postgres",
        autocommit=True,
    )


def family(server):
    """Processes that work in the server's data folder, its orphans too."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if process.cwd() == str(server.data) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_four_concurrent_first_starts_give_one_server(first_starts, embedded):
    _, said = first_starts
    assert set(said) == {f"{embedded.running_port()} {embedded.process().pid}\n"}
    postmasters = [each for each in family(embedded) if each.ppid() not in {other.pid for other in family(embedded)}]
    assert [each.pid for each in postmasters] == [embedded.process().pid]
    assert not (embedded.home / "data.new").exists()
    assert not (embedded.home / "password.new").exists()


def test_starting_again_changes_nothing(embedded):
    before = embedded.running_port(), embedded.process()
    assert embedded.start() == before[0]
    assert (embedded.running_port(), embedded.process()) == before


def test_it_listens_only_on_the_loopback_address(embedded):
    listening = [each.laddr for each in embedded.process().net_connections("inet") if each.status == psutil.CONN_LISTEN]
    assert listening == [("127.0.0.1", embedded.running_port())]
    assert [each.laddr for each in embedded.process().net_connections("unix") if each.laddr] == []


def test_it_requires_a_password_and_has_data_checksums(embedded):
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(embedded, "another")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        connect(embedded, None)
    with closing(connect(embedded)) as connection:
        methods = connection.execute("select distinct auth_method from pg_hba_file_rules").fetchall()
        assert methods == [("scram-sha-256",)]
        assert connection.execute("show data_checksums").fetchone() == ("on",)


@as_root
def test_it_does_not_run_as_root(embedded):
    assert {each.uids().real for each in family(embedded)} & {0} == set()


def test_stopping_leaves_no_process_and_restarting_keeps_port_and_rows(embedded):
    with closing(connect(embedded)) as connection:
        connection.execute("create table if not exists kept (n int); delete from kept; insert into kept values (1)")
    port, members = embedded.running_port(), family(embedded)
    assert len(members) > 3
    embedded.stop()
    assert not any(member.is_running() for member in members)
    assert (embedded.process(), family(embedded)) == (None, [])
    embedded.stop()
    assert embedded.start() == port
    with closing(connect(embedded)) as connection:
        assert connection.execute("select n from kept").fetchall() == [(1,)]


def test_a_remembered_port_that_is_taken_is_replaced(embedded):
    port = embedded.running_port()
    embedded.stop()
    with socket.create_server(("127.0.0.1", port)):
        assert embedded.start() != port
        connect(embedded).close()


def test_a_configured_port_that_is_taken_is_reported(embedded):
    embedded.stop()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(WarehouseError) as caught:
            EmbeddedServer(embedded.state, PASSWORD, port).start()
    assert str(caught.value) == (
        f"embedded PostgreSQL: port {port} is taken; expected a free port. "
        "Set OBSERVATORY_POSTGRES_PORT to another port, or unset it to use any free one."
    )
    assert embedded.process() is None


def test_a_failed_start_is_explained_in_one_line(embedded):
    embedded.stop()
    settings = embedded.data / "postgresql.auto.conf"
    good = settings.read_text()
    settings.write_text(good + "shared_buffers = 'a lot'\n")
    try:
        with pytest.raises(
            WarehouseError, match=r'pg_ctl exited with 1: .*"shared_buffers".*; expected exit code 0'
        ) as caught:
            embedded.start()
    finally:
        settings.write_text(good)
    assert "\n" not in str(caught.value)


def write_until_cut(server, acknowledged):
    with suppress(psycopg.Error), closing(connect(server)) as connection:
        while True:
            connection.execute("insert into numbered values (%s)", [len(acknowledged)])
            acknowledged.append(len(acknowledged))


def keep_busy(server):
    """A statement that takes minutes and does not check whether its server is running."""
    with suppress(psycopg.Error), closing(connect(server)) as connection:
        connection.execute("select count(*) from generate_series(1, 1000) a, generate_series(1, 10000000) b")


def kill(*processes):
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert psutil.wait_procs(processes, timeout=10)[1] == []


@pytest.mark.parametrize("whom", ["postmaster", "every process"])
def test_committed_rows_survive_a_kill_under_load(embedded, whom):
    with closing(connect(embedded)) as connection:
        connection.execute("drop table if exists numbered; create table numbered (n int)")
    acknowledged = []
    clients = [
        threading.Thread(target=write_until_cut, args=(embedded, acknowledged)),
        threading.Thread(target=keep_busy, args=(embedded,)),
    ]
    for client in clients:
        client.start()
    deadline = time.monotonic() + 20
    while len(acknowledged) < 100 and time.monotonic() < deadline:
        time.sleep(0.01)
    killed = embedded.process()
    kill(*([killed] if whom == "postmaster" else [killed, *killed.children()]))
    embedded.start()
    for client in clients:
        client.join(timeout=30)
    assert embedded.process() not in (None, killed)
    with closing(connect(embedded)) as connection:
        found = {number for (number,) in connection.execute("select n from numbered").fetchall()}
    assert len(acknowledged) >= 100
    assert set(acknowledged) <= found
    assert not any(client.is_alive() for client in clients)


def test_stopping_after_a_kill_of_the_postmaster_leaves_no_orphan(embedded):
    client = threading.Thread(target=keep_busy, args=(embedded,))
    client.start()
    while not any("SELECT" in " ".join(each.cmdline()) for each in embedded.process().children()):
        time.sleep(0.01)
    kill(embedded.process())
    embedded.stop()
    client.join(timeout=30)
    assert family(embedded) == []
    assert not client.is_alive()


def test_a_process_id_left_by_a_crash_is_not_taken_for_the_server(embedded, server, state):
    """After a reboot another process has the number; it may even be another server's."""
    from observatory.warehouse.connection import embedded_server

    other = embedded_server()
    embedded.stop()
    lines = [
        str(other.process().pid),
        str(embedded.data),
        "1",
        str(other.running_port()),
        "",
        "127.0.0.1",
        "1 1",
        "ready",
    ]
    pid_file = embedded.data / "postmaster.pid"
    pid_file.write_text("\n".join(lines) + "\n")
    shutil.chown(pid_file, embedded.data.owner(), embedded.data.group())
    pid_file.chmod(0o600)
    assert embedded.process() is None
    embedded.stop()
    assert other.process() is not None, "the other server must not be stopped"
    embedded.start()
    assert embedded.process().pid != other.process().pid


@pytest.fixture
def closed_state():
    """A state folder that only root can read."""
    parent = state_folder(0o700)
    (parent / "state").mkdir()
    yield parent / "state"
    server = EmbeddedServer(parent / "state", PASSWORD)
    server.stop()
    shutil.rmtree(server.home, ignore_errors=True)
    with suppress(OSError):
        server.home.parent.rmdir()
    shutil.rmtree(parent)


@as_root
def test_root_can_start_it_if_only_root_can_read_the_state_folder(closed_state):
    server = EmbeddedServer(closed_state, PASSWORD)
    before = os.umask(0o077)
    try:
        server.start()
    finally:
        os.umask(before)
    assert server.home.parent == Path("/var/lib/observatory")
    with closing(connect(server)) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    assert server.process().uids().real != 0


@as_root
def test_root_can_start_it_if_only_root_can_read_the_programs(closed_state, monkeypatch):
    """As where the whole project, its environment too, is in root's home folder."""
    monkeypatch.setattr("observatory.warehouse.embedded._reachable_by_others", lambda _: False)
    server = EmbeddedServer(closed_state, PASSWORD)
    server.start()
    assert Path(server.process().exe()).is_relative_to(server.home / "program")
    with closing(connect(server)) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
