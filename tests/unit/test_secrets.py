"""Secrets are generated once, readable only by their owner, also with concurrent processes and threads."""

import multiprocessing
import os
import stat
import threading

import pytest

from observatory.secrets import secret

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Where this test's secrets are."""
    monkeypatch.setenv("OBSERVATORY_STATE", str(tmp_path / "state"))
    return tmp_path / "state" / "secrets"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_only_the_owner_can_read_it(folder, umask):
    before = os.umask(umask)
    try:
        secret("loader")
    finally:
        os.umask(before)
    assert (mode(folder), mode(folder / "loader")) == (0o700, 0o600)


def test_a_secret_is_generated_once():
    first = secret("loader")
    assert len(first) >= 32
    assert secret("loader") == first
    assert secret("loader", make="another") == first


def test_secrets_differ():
    assert len({secret(name) for name in ("owner", "loader", "reader")}) == 3


def test_a_given_value_is_kept_as_it_is(folder):
    assert secret("port_api", make="8080") == "8080"
    assert (folder / "port_api").read_text() == "8080"


def test_only_the_secrets_are_left_in_the_folder(folder):
    secret("a")
    secret("b")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "b"]


def _ask(barrier, answers):
    barrier.wait()
    answers.put(secret("raced"))


def test_concurrent_processes_get_one_value(folder):
    for _ in range(5):
        barrier, answers = FORK.Barrier(12), FORK.SimpleQueue()
        processes = [FORK.Process(target=_ask, args=(barrier, answers)) for _ in range(12)]
        for process in processes:
            process.start()
        got = {answers.get() for _ in processes}
        for process in processes:
            process.join()
        assert got == {(folder / "raced").read_text()}
        assert [path.name for path in folder.iterdir()] == ["raced"]
        (folder / "raced").unlink()


def test_concurrent_threads_get_one_value(folder):
    for _ in range(20):
        barrier, answers, errors = threading.Barrier(12), [], []

        def ask(barrier=barrier, answers=answers, errors=errors):
            barrier.wait()
            try:
                answers.append(secret("raced"))
            except OSError as error:
                errors.append(error)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert set(answers) == {(folder / "raced").read_text()}
        assert len(answers) == 12
        (folder / "raced").unlink()
