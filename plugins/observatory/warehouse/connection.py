"""Addresses of the warehouse, one per role; passwords come from the environment or from generated secrets."""

from __future__ import annotations

import os
from typing import Literal, get_args

import sqlalchemy as sa

from observatory.errors import WarehouseError
from observatory.secrets import secret
from observatory.settings import state_folder
from observatory.warehouse.embedded import SUPERUSER, EmbeddedServer

Role = Literal["owner", "loader", "transformer", "forecaster", "reader"]
ROLES: tuple[Role, ...] = get_args(Role)
WAREHOUSE_DATABASE = "warehouse"
AIRFLOW_DATABASE = "airflow"


def embedded_server() -> EmbeddedServer | None:
    """The embedded server, or None if ``OBSERVATORY_WAREHOUSE_URL`` names another server."""
    if os.environ.get("OBSERVATORY_WAREHOUSE_URL"):
        return None
    port = os.environ.get("OBSERVATORY_POSTGRES_PORT")
    return EmbeddedServer(state_folder(), secret("postgres"), int(port) if port else None)


def admin_url() -> sa.URL:
    """The address used for the bootstrap only, with a user who may create roles and databases.

    Raises:
        WarehouseError: the embedded server does not run, or the configured address is not a PostgreSQL one.
    """
    given = os.environ.get("OBSERVATORY_WAREHOUSE_URL")
    if given:
        return _parse(given)
    server = embedded_server()
    if server is None or server.process() is None:
        raise WarehouseError(
            "warehouse",
            found="the embedded PostgreSQL does not run",
            expected="a running server",
            action="Run: make up",
        )
    return sa.URL.create(
        "postgresql+psycopg", SUPERUSER, secret("postgres"), "127.0.0.1", server.running_port(), WAREHOUSE_DATABASE
    )


def role_url(role: Role) -> sa.URL:
    """The address of the warehouse for a role; ``OBSERVATORY_<ROLE>_URL`` overrides it."""
    given = os.environ.get(f"OBSERVATORY_{role.upper()}_URL")
    if given:
        return _parse(given)
    return admin_url().set(username=role, password=secret(role))


def airflow_url() -> sa.URL:
    """The address of Airflow's own database, on the same server."""
    return admin_url().set(username="airflow", password=secret("airflow"), database=AIRFLOW_DATABASE)


def plain(url: sa.URL) -> str:
    """The address with its password, in the form of libpq, ADBC and psycopg (no SQLAlchemy driver name)."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def full(url: sa.URL) -> str:
    """The address with its password, in the form of SQLAlchemy."""
    return url.render_as_string(hide_password=False)


def dbt_environment(url: sa.URL) -> dict[str, str]:
    """The environment variables that ``dbt_project/profiles.yml`` reads."""
    return {
        "DBT_HOST": url.host or "127.0.0.1",
        "DBT_PORT": str(url.port or 5432),
        "DBT_USER": url.username or "",
        "DBT_ENV_SECRET_PASSWORD": url.password or "",
        "DBT_DBNAME": url.database or WAREHOUSE_DATABASE,
    }


def _parse(address: str) -> sa.URL:
    url = sa.make_url(address)
    if url.get_backend_name() not in ("postgresql", "postgres") or not url.database:
        raise WarehouseError(
            "OBSERVATORY_WAREHOUSE_URL",
            found=repr(url.render_as_string()),
            expected="postgresql://user:password@host:port/database",
            action="Correct the address; the user must be allowed to create roles and databases.",
        )
    return url.set(drivername="postgresql+psycopg")
