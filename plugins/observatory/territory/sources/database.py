"""Settings of a source: a table or view in a partner's database."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from observatory.territory.sources.base import Source


class DatabaseSource(Source):
    """One table or view, read through SQLAlchemy.

    Attributes:
        address: SQLAlchemy's URL without a password, such as ``postgresql+psycopg://reader@host/base``.
        table: name of the table or view.
        schema: the schema of the table; by default the database's default schema.
        password: name of the environment variable, or variable of Airflow's secrets backend, with the password.
    """

    reader: ClassVar[str] = "observatory.feeds.database:DatabaseReader"

    protocol: Literal["database"]
    table: str = Field(min_length=1)
    schema_name: str | None = Field(default=None, alias="schema")
    password: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")

    @model_validator(mode="after")
    def _without_password(self) -> DatabaseSource:
        login = self.address.partition("://")[2].rpartition("@")[0]
        if ":" in login:
            raise ValueError("has a password in `address`", "the key `password` with the name of a variable")
        return self
