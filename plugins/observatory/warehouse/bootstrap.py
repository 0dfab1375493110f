"""Create the databases, roles, schemas, tables and grants that ``sql/`` defines; idempotent."""

from __future__ import annotations

from pathlib import Path

import psycopg
import sqlalchemy as sa
from psycopg import sql

from observatory.errors import WarehouseError
from observatory.secrets import secret
from observatory.settings import ROOT
from observatory.warehouse import raw_schema
from observatory.warehouse.connection import AIRFLOW_DATABASE, ROLES, plain

SCRIPTS = ROOT / "sql"
RAW_SCRIPT = "03_raw.sql"
MINIMUM_VERSION = 150000


def bootstrap(admin: sa.URL, scripts: Path = SCRIPTS) -> None:
    """Create what is missing on the server.

    Args:
        admin: address of the warehouse database, for a user who may create roles and databases.
        scripts: folder of the numbered SQL files.

    Raises:
        WarehouseError: the server cannot be reached, is too old, or rejects a statement.
    """
    try:
        _ensure_databases(admin)
        with psycopg.connect(plain(admin)) as connection:
            _require_version(connection)
            connection.execute("select pg_advisory_xact_lock(hashtext('observatory bootstrap'))")
            for script in sorted(scripts.glob("*.sql")):
                connection.execute(script.read_text(encoding="utf-8").encode())
                if script.name == RAW_SCRIPT:
                    _make_raw_tables(connection)
            for role in ROLES:
                _set_password(connection, role)
    except psycopg.Error as error:
        raise WarehouseError(
            f"warehouse {admin.render_as_string()}",
            found=str(error).strip().replace("\n", " "),
            expected="a PostgreSQL server that this user may bootstrap",
            action="Check the address and that the user may create roles and databases.",
        ) from error


def _ensure_databases(admin: sa.URL) -> None:
    with psycopg.connect(plain(admin.set(database="postgres")), autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(hashtext('observatory bootstrap'))")
        if not connection.execute("select from pg_roles where rolname = 'airflow'").fetchall():
            connection.execute("create role airflow login")
        _set_password(connection, "airflow")
        connection.execute(sql.SQL("grant airflow to {}").format(sql.Identifier(admin.username or "")))
        for name, owner in ((admin.database, admin.username), (AIRFLOW_DATABASE, "airflow")):
            if not connection.execute("select from pg_database where datname = %s", [name]).fetchall():
                connection.execute(
                    sql.SQL("create database {} owner {}").format(
                        sql.Identifier(name or ""), sql.Identifier(owner or "")
                    )
                )
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(AIRFLOW_DATABASE)))


def _make_raw_tables(connection: psycopg.Connection) -> None:
    connection.execute("set role owner")
    for statement in raw_schema.statements():
        connection.execute(statement.encode())
    connection.execute("reset role")


def _set_password(connection: psycopg.Connection, role: str) -> None:
    """Set the role's password to its secret; sent as a SCRAM verifier, so that no log shows it."""
    verifier = connection.pgconn.encrypt_password(secret(role).encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(role), sql.Literal(verifier)))


def _require_version(connection: psycopg.Connection) -> None:
    if connection.info.server_version < MINIMUM_VERSION:
        raise WarehouseError(
            f"warehouse on {connection.info.host}",
            found=f"PostgreSQL {connection.info.server_version}",
            expected="PostgreSQL 15 or newer",
            action="Upgrade the server, or leave OBSERVATORY_WAREHOUSE_URL unset.",
        )
