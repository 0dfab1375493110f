"""Partner databases: a declared table or view, only read, streamed from a cursor of the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

import polars as pl
import sqlalchemy as sa

from observatory import settings
from observatory.errors import SourceChanged, SourceUnavailable
from observatory.feeds.base import CHUNK_ROWS, edges, require_columns, within
from observatory.kinds import KINDS
from observatory.secrets import from_outside
from observatory.territory.feed import FeedSettings
from observatory.territory.sources import DatabaseSource
from observatory.window import Window

_READ_ONLY = {
    "postgresql": "set default_transaction_read_only = on",
    "mysql": "set session transaction read only",
    "mariadb": "set session transaction read only",
    "sqlite": "pragma query_only = on",
}


@dataclass(frozen=True)
class DatabaseFeed:
    """Rows of one table, those of the window asked for where the column of the time is one.

    SQLite has no types of time: there the whole table is read and cut here. A relative file is taken from the state
    folder.

    Attributes:
        territory_code: the city.
        feed: what its file says of the feed.
        chunk_rows: rows in memory at a time.
    """

    territory_code: str
    feed: FeedSettings
    chunk_rows: int = CHUNK_ROWS

    @property
    def source(self) -> DatabaseSource:
        """Which table of which database."""
        return cast("DatabaseSource", self.feed.source)

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window; see ``Feed.read``.

        Raises:
            SecretMissing: the variable with the password is not set.
        """
        where = f"{self.territory_code}/{self.feed.feed_id} {window}"
        engine = self._engine(where)
        try:
            with self._explained(where), engine.connect() as connection:
                types = self._types(where, connection)
                require_columns(where, self.feed, types, are_all=True)
                yield from within(window, self._chunks(connection, self._query(window, types, engine)), self.feed)
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

    def _engine(self, where: str) -> sa.Engine:
        with self._explained(where):
            url = sa.make_url(self.source.address)
            if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
                url = url.set(database=str(settings.state_folder() / url.database))
            if self.source.password:
                url = url.set(password=from_outside(where, self.source.password))
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

    def _types(self, where: str, connection: sa.Connection) -> dict[str, sa.types.TypeEngine]:
        """The table's columns and their types."""
        try:
            columns = sa.inspect(connection).get_columns(self.source.table, schema=self.source.schema_name)
        except sa.exc.NoSuchTableError:
            raise SourceChanged(
                where,
                found=f"there is no table or view {self.source.table}",
                expected="the one that the territory file names, and the right to read it",
                action=f"Correct `table` or `schema` of feeds.{self.feed.feed_id} in {self.feed.territory_file}, "
                f"or ask {self.feed.owner}.",
            ) from None
        return {column["name"]: column["type"] for column in columns}

    def _query(self, window: Window, types: dict[str, sa.types.TypeEngine], engine: sa.Engine) -> sa.Select:
        columns: dict[str, sa.ColumnClause[Any]] = {name: sa.column(name) for name in self.feed.read_columns}
        table = sa.table(self.source.table, *columns.values(), schema=self.source.schema_name)
        query = sa.select(*(table.c[name] for name in columns))
        for name, allowed in self.feed.where.items():
            query = query.where(sa.cast(table.c[name], sa.String).in_(allowed))
        times = self.feed.window_sources if KINDS[self.feed.kind].time_column else ()
        if len(times) == 1 and engine.dialect.name != "sqlite":
            bounds = self._bounds(window, types[times[0]])
            if bounds:
                time = table.c[times[0]]
                query = query.where(time >= bounds[0], time < bounds[1])
        order = dict.fromkeys([*times, *self.feed.sources_of("source_record_id")])
        return query.order_by(*(table.c[name] for name in order or columns))

    def _bounds(self, window: Window, stored: sa.types.TypeEngine) -> tuple[Any, Any] | None:
        """The window's edges as values of the column's type; none where that is no time."""
        if isinstance(stored, sa.DateTime):
            return (window.start, window.end) if getattr(stored, "timezone", False) else edges(window, self.feed)
        return (window.first_day, window.end_day) if isinstance(stored, sa.Date) else None

    @contextmanager
    def _explained(self, where: str) -> Iterator[None]:
        """Turn what goes wrong at a database into errors that say what to do, without its address's password."""
        try:
            yield
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
            raise SourceUnavailable(
                where,
                found=f"the database did not answer ({_said(error)})",
                expected="an answer",
                action=f"Try again later; if it goes on, check `address` and `password` in {self.feed.territory_file}.",
            ) from None
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise SourceChanged(
                where,
                found=f"the database refuses ({_said(error)})",
                expected=f"rows of {self.source.table}",
                action=f"Correct feeds.{self.feed.feed_id}.source in {self.feed.territory_file}, "
                f"or ask {self.feed.owner} for the right to read.",
            ) from None


def _series(name: str, values: list[Any]) -> pl.Series:
    """Values in their own type if they have one, moments and days included; else as text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) == 1 and kinds <= {int, float, str, bool, datetime, date}:
        return pl.Series(name, values)
    return pl.Series(name, [None if value is None else str(value) for value in values], dtype=pl.String)


def _said(error: Exception) -> str:
    """The database's own words, in one line."""
    return " ".join(str(getattr(error, "orig", None) or error).split())[:200]
