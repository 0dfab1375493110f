"""Access to the warehouse; the only SQL of this package.

Everything is read from ``core`` and written to ``ml`` as role forecaster, through one ADBC connection: columns
travel as Arrow, values are bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import polars as pl

from ml.errors import InputError
from ml.tables import COLUMNS, FORECAST_COLUMNS, KEYS

AS_KNOWN_NOW = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Territory:
    """A city's row in ``core.dim_territory``."""

    code: str
    name: str
    timezone: str
    is_simulated: bool
    country_code: str


@dataclass(frozen=True)
class StoredModel:
    """A trained model stored in ``ml.model``."""

    model_id: str
    model_text: str
    trained_through: date


class Warehouse:
    """An open connection; see :func:`open_warehouse`."""

    def __init__(self, connection: adbc.Connection) -> None:
        self._connection = connection

    def territory(self, code: str) -> Territory:
        """Look a city up.

        Raises:
            InputError: ``core.dim_territory`` does not know it.
        """
        found = self._read(
            "select territory_code, territory_name, timezone, is_simulated, country_code from core.dim_territory"
            " where territory_code = $1",
            code,
        )
        if found.is_empty():
            raise InputError(
                f"territory {code}",
                found="no such row in core.dim_territory",
                expected="a city that was extracted and transformed",
                action=f"Check the code, then run {code}.extract and {code}.transform.",
            )
        return Territory(*found.row(0))

    def cells(self, territory_code: str) -> pl.DataFrame:
        """Cells to forecast: ``cell_id, easting_m, northing_m, cell_size_m, longitude_deg, latitude_deg``."""
        return self._read(
            "select cell_id, easting_m, northing_m, cell_size_m, longitude_deg, latitude_deg from core.dim_cell"
            " where territory_code = $1 and is_forecast_cell order by cell_id",
            territory_code,
        )

    def counts(self, territory_code: str, known_at: datetime = AS_KNOWN_NOW) -> pl.DataFrame:
        """Incidents that may train a forecast, counted.

        Args:
            territory_code: the city.
            known_at: as known at this moment.

        Returns:
            ``category_group, category_code, cell_id, occurred_date, incident_count``, ordered; cells may be outside the
            forecast.
        """
        return self._read(
            """
            select category_group, category_code, cell_id, occurred_date, count(*)::integer as incident_count
            from core.fct_incident_version
            where territory_code = $1 and is_trainable and not is_withdrawn
                and known_from <= $2 and (known_to is null or known_to > $2)
            group by category_group, category_code, cell_id, occurred_date
            order by category_group, category_code, cell_id, occurred_date
            """,
            territory_code,
            known_at,
        )

    def versions(self, territory_code: str) -> pl.DataFrame:
        """Every version that may train a forecast: the columns of ``counts``, known_from and known_to."""
        return self._read(
            """
            select category_group, category_code, cell_id, occurred_date, known_from, known_to,
                count(*)::integer as incident_count
            from core.fct_incident_version
            where territory_code = $1 and is_trainable and not is_withdrawn
            group by category_group, category_code, cell_id, occurred_date, known_from, known_to
            order by category_group, category_code, cell_id, occurred_date, known_from, known_to
            """,
            territory_code,
        )

    def newest_model(
        self, territory_code: str, category_group: str, method: str, data_as_of: datetime
    ) -> StoredModel | None:
        """The newest model trained on nothing later than ``data_as_of``."""
        found = self._read(
            """
            select model_id, model_text, trained_through from ml.model
            where territory_code = $1 and category_group = $2 and method = $3 and data_as_of <= $4
            order by data_as_of desc, training_incident_count desc, model_id
            limit 1
            """,
            territory_code,
            category_group,
            method,
            data_as_of,
        )
        return None if found.is_empty() else StoredModel(*found.row(0))

    def add_model(self, row: dict[str, Any]) -> None:
        """Store a model; one that is already stored is kept."""
        json_columns = ("parameters", "library_versions")
        frame = pl.DataFrame([row | {name: json.dumps(row[name], sort_keys=True) for name in json_columns}])
        columns = ", ".join(frame.columns)
        values = ", ".join(f"{name}::jsonb" if name in json_columns else name for name in frame.columns)
        types = {"trained_from": "date", "trained_through": "date", "data_as_of": "timestamptz"}
        types["training_incident_count"] = "bigint"
        self._stage(frame, ", ".join(f"{name} {types.get(name, 'text')}" for name in frame.columns))
        self._execute(
            f"insert into ml.model ({columns}) select {values} from pg_temp.incoming on conflict do nothing"  # noqa: S608
        )

    def forecast(self, territory_code: str, day: date) -> pl.DataFrame:
        """The stored forecast of a day, at its shortest horizon per group; the columns of ``ml.hotspot_forecast``."""
        columns = ", ".join(FORECAST_COLUMNS)
        return self._read(
            f"""
            select {columns} from (
                select *, rank() over (partition by category_group order by horizon_days) as nearness
                from ml.hotspot_forecast where territory_code = $1 and forecast_date = $2
            ) as stored
            where nearness = 1
            order by category_group, cell_id
            """,  # noqa: S608
            territory_code,
            day,
        )

    def replace(self, table: str, rows: pl.DataFrame, **scope: object) -> int:
        """Replace the rows of ``scope``; rows that are already identical are not touched.

        Args:
            table: ``hotspot_forecast``, ``forecast_score`` or ``abstention``.
            rows: all rows of the scope, in the table's columns.
            scope: column = value of the rows that are replaced, or column = (lowest, highest value).

        Returns:
            Rows deleted and inserted.
        """
        columns, key = COLUMNS[table], KEYS[table]
        self._stage(rows.select(pl.col(name).cast(kind) for name, kind in columns.items()), f"like ml.{table}")
        same_key = " and ".join(f"stored.{name} = incoming.{name}" for name in key)
        same = " and ".join(f"stored.{name} is not distinct from incoming.{name}" for name in columns)
        in_scope, values = _condition(scope)
        deleted = self._read(
            f"""
            with gone as (
                delete from ml.{table} as stored where {in_scope}
                and not exists (select from pg_temp.incoming where {same}) returning 1
            )
            select count(*) from gone
            """,  # noqa: S608
            *values,
        )
        inserted = self._read(
            f"""
            with new as (
                insert into ml.{table} ({", ".join(columns)})
                select {", ".join(columns)} from pg_temp.incoming
                where not exists (select from ml.{table} as stored where {same_key}) returning 1
            )
            select count(*) from new
            """  # noqa: S608
        )
        return int(deleted.item()) + int(inserted.item())

    def clear(self, table: str, **scope: object) -> int:
        """Delete the rows of the scope; returns how many."""
        return self.replace(table, pl.DataFrame(schema=COLUMNS[table]), **scope)

    def ensure_forecast_partition(self, day: date) -> None:
        """Create the month's partition if it is missing."""
        self._execute("select ml.ensure_forecast_partition($1)", day)

    def _stage(self, frame: pl.DataFrame, columns: str) -> None:
        self._execute("drop table if exists pg_temp.incoming")
        self._execute(f"create temporary table incoming ({columns}) on commit drop")
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest("incoming", frame.to_arrow(), mode="append", temporary=True)
        self._execute("analyze pg_temp.incoming")

    def _execute(self, statement: str, *values: object) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)

    def _read(self, statement: str, *values: object) -> pl.DataFrame:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return pl.DataFrame(pl.from_arrow(cursor.fetch_arrow_table()))


def _condition(scope: dict[str, object]) -> tuple[str, list[object]]:
    """SQL condition on ``stored`` and the values it binds."""
    parts: list[str] = []
    values: list[object] = []
    for name, value in scope.items():
        low, high = value if isinstance(value, tuple) else (value, value)
        parts.append(f"stored.{name} between ${len(values) + 1} and ${len(values) + 2}")
        values += [low, high]
    return " and ".join(parts), values


@contextmanager
def open_warehouse(url: str) -> Iterator[Warehouse]:
    """Connect; commit when the block succeeds, roll back when it fails.

    Args:
        url: ``postgresql+psycopg://`` or ``postgresql://`` address, role forecaster.

    Raises:
        InputError: the warehouse cannot be reached.
    """
    try:
        connection = adbc.connect(url.replace("postgresql+psycopg://", "postgresql://", 1))
    except adbc.Error as error:
        raise InputError(
            "warehouse",
            found=str(error).strip().splitlines()[0],
            expected="a PostgreSQL that answers at OBSERVATORY_FORECASTER_URL",
            action="Start it (make up) or correct the address.",
        ) from error
    with connection:
        try:
            yield Warehouse(connection)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
