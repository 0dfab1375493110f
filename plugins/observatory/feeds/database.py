"""Partner databases: one table or view, streamed from a server-side cursor in a read-only session."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from observatory import settings
from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.base import Reader, require_columns
from observatory.secrets import from_outside
from observatory.territory.sources import DatabaseSource

_READ_ONLY = {
    "postgresql": "set default_transaction_read_only = on",
    "mysql": "set session transaction read only",
    "mariadb": "set session transaction read only",
    "sqlite": "pragma query_only = on",
}


class DatabaseReader(Reader[DatabaseSource]):
    """Rows of one table; the database filters by the window if the time column has a date or time type.

    SQLite has no such types, so there the whole table is read and filtered here. A relative path of an SQLite file
    starts at the state folder. The database is asked once, regardless of ``patience``.
    """

    def _frames(self) -> Iterator[pl.DataFrame]:
        engine = self._engine()
        try:
            with self._explained(), engine.connect() as connection:
                types = self._types(connection)
                require_columns(self.subject, self.plan, types, are_all=True)
                yield from self._chunks(connection, self._query(types, engine))
        finally:
            engine.dispose()

    def _chunks(self, connection: sa.Connection, query: sa.Select) -> Iterator[pl.DataFrame]:
        streaming = connection.execution_options(stream_results=True, yield_per=self.chunk_rows)
        with streaming.execute(query) as result:
            for rows in result.partitions():
                values = zip(*rows, strict=True)
                yield pl.DataFrame(
                    [_series(name, list(column)) for name, column in zip(self.feed.read_columns, values, strict=True)]
                )

    def _engine(self) -> sa.Engine:
        with self._explained():
            url = sa.make_url(self.source.address)
            if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
                url = url.set(database=str(settings.state_folder() / url.database))
            if self.source.password:
                url = url.set(password=from_outside(self.subject, self.source.password))
            engine = sa.create_engine(url, poolclass=sa.NullPool)
        statement = _READ_ONLY.get(engine.dialect.name)
        if statement:

            @sa.event.listens_for(engine, "connect")
            def _only_read(connection: Any, _: Any) -> None:
                cursor = connection.cursor()
                cursor.execute(statement)
                cursor.close()
                connection.commit()

        return engine

    def _types(self, connection: sa.Connection) -> dict[str, sa.types.TypeEngine]:
        """Name and type of the table's columns."""
        try:
            columns = sa.inspect(connection).get_columns(self.source.table, schema=self.source.schema_name)
        except sa.exc.NoSuchTableError:
            raise SourceChanged(
                self.subject,
                found=f"there is no table or view {self.source.table}",
                expected="the one that the territory file names, with the right to read it",
                action=f"Correct `table` or `schema` of feeds.{self.feed.feed_id} in {self.feed.territory_file}, "
                f"or ask {self.feed.owner}.",
            ) from None
        return {column["name"]: column["type"] for column in columns}

    def _query(self, types: dict[str, sa.types.TypeEngine], engine: sa.Engine) -> sa.Select:
        columns: dict[str, sa.ColumnClause[Any]] = {name: sa.column(name) for name in self.feed.read_columns}
        table = sa.table(self.source.table, *columns.values(), schema=self.source.schema_name)
        query = sa.select(*(table.c[name] for name in columns))
        for name, allowed in self.feed.where.items():
            query = query.where(sa.cast(table.c[name], sa.String).in_(allowed))
        times = self.plan.time_sources
        if len(times) == 1 and engine.dialect.name != "sqlite":
            bounds = self._bounds(types[times[0]])
            if bounds:
                time = table.c[times[0]]
                query = query.where(time >= bounds[0], time < bounds[1])
        order = dict.fromkeys([*times, *self.feed.sources_of("source_record_id")])
        return query.order_by(*(table.c[name] for name in order or columns))

    def _bounds(self, stored: sa.types.TypeEngine) -> tuple[Any, Any] | None:
        """Start and end of the window as values of the column's type; None if that is no date or time."""
        window = self.window
        if isinstance(stored, sa.DateTime):
            return (window.start, window.end) if getattr(stored, "timezone", False) else self._edges()
        return (window.first_day, window.end_day) if isinstance(stored, sa.Date) else None

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Translate the database's failures into errors that say what to do, without the password of its URL."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise SourceUnavailable(
                self.subject,
                found=f"the database did not answer ({_message(error)})",
                expected="a connection",
                action=f"Try again later; if it goes on, check `address` and `password` in {self.feed.territory_file}.",
            ) from None
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise SourceChanged(
                self.subject,
                found=f"the database refuses ({_message(error)})",
                expected=f"rows of {self.source.table}",
                action=f"Correct feeds.{self.feed.feed_id}.source in {self.feed.territory_file}, "
                f"or ask {self.feed.owner} for the right to read.",
            ) from None


def _series(name: str, values: list[Any]) -> pl.Series:
    """Values in their own type if they all have the same, else as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) == 1 and kinds <= {int, float, str, bool, datetime, date}:
        return pl.Series(name, values)
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


def _message(error: Exception) -> str:
    """The database's own message, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]
