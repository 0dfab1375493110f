"""The tables of ``raw``, generated from the contracts.

Records of signals are Parquet files (``observatory.signals``); their tables hold hourly sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from observatory.contracts import CONTRACTS
from observatory.contracts.base import COUNT, UTC_TIME, Contract

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES: dict[pl.DataType, str] = {
    pl.String(): "text",
    UTC_TIME: "timestamptz",
    pl.Float64(): "double precision",
    pl.Int32(): "integer",
    pl.Int64(): "bigint",
    pl.Boolean(): "boolean",
    pl.Date(): "date",
}

VERSION_COLUMNS = {
    "territory_code": "text not null",
    "feed_id": "text not null",
    "source_record_id": "text not null",
    "version_number": "integer not null",
    "content_hash": "bytea not null",
    "is_withdrawn": "boolean not null default false",
    "known_at": "timestamptz not null",
    "loaded_at": "timestamptz not null",
    "load_id": "bigint not null",
}
"""The first columns of every kind's table: feed, key and version of the record, times, and the load."""


def statements() -> Iterator[str]:
    """The statements that create or extend the tables of all kinds; idempotent."""
    for contract in CONTRACTS.values():
        yield from hour_table_statements(contract) if contract.kind.is_signal else table_statements(contract)


def table_statements(contract: Contract) -> Iterator[str]:
    """The statements that create a kind's table, or add the columns that are new in its contract.

    An added column is nullable, even if the contract requires a value, since existing rows have none.
    """
    table = f"raw.{contract.name}"
    columns = [f"{name} {declared}" for name, declared in (VERSION_COLUMNS | _columns(contract)).items()]
    key = "primary key (territory_code, feed_id, source_record_id, version_number)"
    yield f"create table if not exists {table} (\n    {f',{chr(10)}    '.join([*columns, key])}\n)"
    added = [
        f"add column if not exists {name} {declared.removesuffix(' not null')}"
        for name, declared in _columns(contract).items()
    ]
    yield f"alter table {table} {', '.join(added)}"
    grain = f"One row per version of {contract.kind.row}; is_withdrawn marks a version that closes it."
    quoted = grain.replace("'", "''")
    yield f"comment on table {table} is '{quoted}'"
    # a transform selects rows by load, and rows are stored in the order of their loads
    name = contract.name
    yield f"create index if not exists {name}_load on {table} using brin (load_id) with (pages_per_range = 32)"
    if column := contract.kind.time_column:
        index = f"{name}_{column.removesuffix('_from')} on {table} using brin ({column})"
        yield f"create index if not exists {index} with (pages_per_range = 32)"


def hour_table_statements(contract: Contract) -> Iterator[str]:
    """The statements that create the table of a signal's hourly sums, or add the columns that are new in its contract.

    Earlier versions kept signals in ``raw.<kind>``: that table is dropped if it is empty.
    """
    yield f"""
        do $$ begin
            if to_regclass('raw.{contract.name}') is not null then
                if not exists (select from raw.{contract.name}) then drop table raw.{contract.name}; end if;
            end if;
        end $$
    """
    table = f"raw.{contract.name}_hour"
    never_null = {"hour_start", "last_at", *contract.required}
    declared = {
        name: TYPES[dtype] + (" not null" if name in never_null or dtype == COUNT else "")
        for name, dtype in contract.hour_schema.items()
    }
    whose = {"territory_code": "text not null", "feed_id": "text not null"}
    columns = [f"{name} {type_}" for name, type_ in (whose | declared).items()]
    series = ", ".join(contract.series)
    key = f"unique nulls not distinct (territory_code, feed_id, hour_start, {series})"
    yield f"create table if not exists {table} (\n    {f',{chr(10)}    '.join([*columns, key])}\n)"
    added = [f"add column if not exists {name} {type_.removesuffix(' not null')}" for name, type_ in declared.items()]
    yield f"alter table {table} {', '.join(added)}"
    grain = (
        f"One row per territory, feed, {series} and hour: sums of {contract.kind.row}; null where nothing was measured."
    )
    yield f"comment on table {table} is '{grain}'"
    yield f"grant delete on {table} to loader"


def _columns(contract: Contract) -> dict[str, str]:
    return {
        name: TYPES[dtype] + (" not null" if name in contract.required else "")
        for name, dtype in contract.schema.items()
        if name not in VERSION_COLUMNS
    }
