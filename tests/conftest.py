"""What all tests share: the order in which files are run, and a PostgreSQL server bootstrapped as in production.

Tests run in several processes (``pytest -n``). All tests of a file run in one process, so that its fixtures are created
once. Each process has a state folder and a database server of its own, so that no two of them share a port, a role or a
file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

DATA = Path(__file__).parents[2] / "shared" / "data"
REAL_DATA_IS_REQUIRED = bool(os.environ.get("OBSERVATORY_REQUIRE_REAL_DATA"))

TESTS = Path(__file__).parent
LONGEST_FIRST = (
    "integration/quickstart/test_job.py",
    "integration/ingest/test_live_week.py",
)
"""Files that take longest, the longest first. Started first, they do not keep one process busy after the others end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files that take longest first; the others keep their order."""
    ranks = {TESTS / name: rank for rank, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that was skipped because the real data is missing, where that data is required."""
    report = yield
    if REAL_DATA_IS_REQUIRED and report.skipped and isinstance(report.longrepr, tuple):
        reason = str(report.longrepr[2])
        if "real data" in reason or "real rows" in reason:
            report.outcome, report.longrepr = "failed", f"{reason}; expected the real data beside the project"
    return report


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


@pytest.fixture(scope="session", autouse=True)
def state() -> Iterator[Path]:
    """A state folder of this process; no file of the developer's is read or written, no setting of theirs applies."""
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
    """The embedded server of this process, started when the first test needs it."""
    from observatory.warehouse.connection import embedded_server

    embedded = embedded_server()
    assert embedded is not None
    embedded.start()
    yield
    embedded.stop()


@pytest.fixture(scope="session")
def _template(server: None) -> str:
    """Name of a bootstrapped, empty database that is copied for each test module."""
    from observatory.warehouse.bootstrap import bootstrap
    from observatory.warehouse.connection import admin_url

    bootstrap(admin_url().set(database="template_observatory"))
    return "template_observatory"


@contextmanager
def _copied(template: str, name: str) -> Iterator[Warehouse]:
    from observatory.warehouse.connection import admin_url, plain

    maintenance = plain(admin_url().set(database="postgres"))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'drop database if exists "{name}" with (force)')
        connection.execute(f'create database "{name}" template {template}')
        # a copy has everything that is in the template, but not the privileges on the database itself
        privileges = "(select datacl from pg_database where datname = %s)"
        connection.execute(f"update pg_database set datacl = {privileges} where datname = %s", (template, name))
    yield Warehouse(admin_url().set(database=name))
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


def _database_name(prefix: str, request: pytest.FixtureRequest) -> str:
    """Name of a module's database: its whole path, as modules of several folders have the same name."""
    module = request.path.relative_to(TESTS).with_suffix("")
    return "_".join((prefix, *module.parts))[:63]


@pytest.fixture(scope="module")
def warehouse(_template: str, request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """An empty warehouse for one test module."""
    with _copied(_template, _database_name("test", request)) as made:
        yield made


@pytest.fixture(scope="module")
def other_warehouse(_template: str, request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """A second one, for tests that compare two."""
    with _copied(_template, _database_name("other", request)) as made:
        yield made


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data kept beside the project; tests that need it are skipped where it is absent."""
    if not DATA.exists():
        pytest.skip(f"real data not found: expected {DATA.name}/ in a folder shared/ beside the project")
    return DATA
