"""What every record kind is made of: its contract, its hash, the numbering of records that have no identifier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import pandera.polars as pa
import polars as pl
import polars_hash as plh

UTC_TIME = pl.Datetime("us", "UTC")
Moment = Annotated[pl.Datetime, "us", "UTC"]

UNUSABLE = "unusable_column"
"""Column that ``conform`` adds: the first contract column whose source value cannot be used as it is written."""


@dataclass(frozen=True)
class Kind:
    """A kind of record: what one must look like, whatever city it is from.

    Attributes:
        name: name of the kind and of its table in ``raw``.
        model: the contract, columns in the table's order.
        time_column: when it happened; None for a kind without a time.
        retention_days: how long its versions are kept, days; None for as long as the city is observed.
    """

    name: str
    model: type[pa.DataFrameModel]
    time_column: str | None = None
    retention_days: int | None = None

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Column to type, in the order of the table ``raw.<name>``, less what a load adds."""
        return {name: column.dtype.type for name, column in self.model.to_schema().columns.items()}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of an accepted record."""
        return tuple(self.schema)

    @property
    def content_columns(self) -> tuple[str, ...]:
        """Columns whose change makes a new version: all but when the record was published or could be known."""
        return tuple(name for name in self.schema if name not in ("published_at", "known_at"))


class Ordinals:
    """Numbers equal records across the chunks of one window: the first is 1, its exact duplicate 2, and so on."""

    def __init__(self) -> None:
        self._seen = pl.DataFrame(schema={"row_hash": pl.Binary, "seen": pl.UInt32})

    def number(self, row_hash: pl.Series) -> pl.Series:
        """Number the records of the next chunk; shape (n,), 1 for a record not seen before."""
        chunk = row_hash.to_frame("row_hash")
        among_equals = pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).over("row_hash")
        numbered = chunk.select("row_hash", among_equals.alias("here"))
        known = numbered.join(self._seen, on="row_hash", how="left", maintain_order="left")
        counts = chunk.group_by("row_hash").agg(pl.len().cast(pl.UInt32).alias("seen"))
        self._seen = pl.concat([self._seen, counts]).group_by("row_hash").agg(pl.col("seen").sum())
        return known.select((pl.col("here") + pl.col("seen").fill_null(0)).alias("ordinal")).to_series()


def row_hash(frame: pl.DataFrame, columns: Sequence[str]) -> pl.Series:
    """Hash the named columns of each row, the same in every run and with every version of polars.

    The encoding is version 1 of polars-hash's, which is promised not to change: it has the meaning of a value, not its
    storage, so a wider integer or a finer time unit changes nothing, and no two different rows are written alike.

    Args:
        frame: shape (n, any).
        columns: which columns, in which order; both count, their names do not.

    Returns:
        XXH3-128 digests, 16 bytes each (Binary), shape (n,).
    """
    digest = plh.hash_rows(*columns, version=1).nchash.xxh3_128(return_binary=True, byte_order="big")
    return frame.select(digest.alias("row_hash")).to_series()
