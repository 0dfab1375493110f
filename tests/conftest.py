"""Shared fixtures: a PostgreSQL of the tests' own, bootstrapped as in production."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

DATA = Path(__file__).parents[2] / "shared" / "data"


REAL_DATA_IS_REQUIRED = bool(os.environ.get("OBSERVATORY_REQUIRE_REAL_DATA"))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Where the real data is said to be present, a test that was skipped for want of it is a failure."""
    if REAL_DATA_IS_REQUIRED and report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2])
        if "real data" in reason or "real rows" in reason:
            raise pytest.UsageError(f"{report.nodeid}: {reason}; expected the real data, which is beside the project")


@dataclass(frozen=True)
class Warehouse:
    """A bootstrapped warehouse and its addresses."""

    admin: sa.URL

    def url(self, role: str) -> str:
        from observatory.warehouse.connection import full, role_url

        return full(self.admin if role == "superuser" else role_url(role).set(database=self.admin.database))

    def plain_url(self, role: str) -> str:
        return self.url(role).replace("postgresql+psycopg", "postgresql")

    def connect(self, role: str = "superuser") -> psycopg.Connection:
        return psycopg.connect(self.plain_url(role), autocommit=True)

    def rows(self, query: str, *parameters: object, role: str = "superuser") -> list[tuple]:
        with self.connect(role) as connection:
            return connection.execute(query, parameters).fetchall()

    def dbt_environment(self) -> dict[str, str]:
        from observatory.warehouse.connection import dbt_environment

        return dbt_environment(sa.make_url(self.url("transformer")))


@pytest.fixture(scope="session")
def state() -> Iterator[Path]:
    """A state folder of the test session's own; nothing of the developer's is touched."""
    folder = Path(tempfile.mkdtemp(prefix="observatory-test-"))
    folder.chmod(0o755)
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OBSERVATORY_")}
    os.environ["OBSERVATORY_STATE"] = str(folder)
    yield folder
    del os.environ["OBSERVATORY_STATE"]
    os.environ.update(before)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def server(state: Path) -> Iterator[None]:
    """The embedded server, started once a session."""
    from observatory.warehouse.connection import embedded_server

    embedded = embedded_server()
    assert embedded is not None
    embedded.start()
    yield
    embedded.stop()


@pytest.fixture(scope="session")
def _template(server: None) -> str:
    """A bootstrapped, empty database that each test module copies."""
    from observatory.warehouse.bootstrap import bootstrap
    from observatory.warehouse.connection import admin_url

    bootstrap(admin_url().set(database="template_observatory"))
    return "template_observatory"


@contextmanager
def _copied(template: str, name: str) -> Iterator[Warehouse]:
    from observatory.warehouse.bootstrap import bootstrap
    from observatory.warehouse.connection import admin_url, plain

    maintenance = plain(admin_url().set(database="postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}" template {template}')
    bootstrap(admin_url().set(database=name))
    yield Warehouse(admin_url().set(database=name))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest.fixture(scope="module")
def warehouse(_template: str, request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """A fresh warehouse for one test module."""
    with _copied(_template, f"test_{request.module.__name__.rsplit('.', 1)[-1]}"[:60]) as made:
        yield made


@pytest.fixture(scope="module")
def other_warehouse(_template: str, request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """A second one, for tests that compare two."""
    with _copied(_template, f"other_{request.module.__name__.rsplit('.', 1)[-1]}"[:60]) as made:
        yield made


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data kept beside the project; tests that need it are skipped where it is absent."""
    if not DATA.exists():
        pytest.skip(f"real data not found: expected {DATA.name}/ in a folder shared/ beside the project")
    return DATA
