"""The warehouse's addresses: Airflow connections ``warehouse_<role>``, from the environment or a secrets backend."""

from __future__ import annotations

import sqlalchemy as sa
from airflow.sdk import BaseHook

from observatory.warehouse.connection import Role, full


def warehouse_url(role: Role) -> sa.URL:
    """The address of the warehouse for a role."""
    connection = BaseHook.get_connection(f"warehouse_{role}")
    return sa.URL.create(
        "postgresql+psycopg",
        connection.login,
        connection.password,
        connection.host,
        connection.port,
        connection.schema,
        query={name: str(value) for name, value in connection.extra_dejson.items()},
    )


def warehouse_address(role: Role) -> str:
    """The address of the warehouse for a role as text, password included."""
    return full(warehouse_url(role))
