"""The parts of a contract: columns of every kind, checks, key, personal columns that it refuses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Literal

import pandera.polars as pa
import polars as pl

from observatory.kinds import Kind

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

UTC_TIME = pl.Datetime("us", "UTC")
COUNT = pl.Int64()
"""Type of the counts in hourly sums; they are never null."""

Moment = Annotated[pl.Datetime, "us", "UTC"]
PRECISIONS = ["second", "minute", "hour", "day", "month", "year"]
METHODS = ["gps", "address", "street", "place", "zone", "none"]

UNUSABLE = "unusable_column"
"""Column that ``conform`` adds: the first contract column whose source value cannot be read."""

DERIVED = frozenset({"known_at", "cell_id"})
"""Columns that are computed, and that a feed does not map."""

PLACE = ("longitude_deg", "latitude_deg", "easting", "northing", "point")
"""Columns of location that a feed may map: degrees, projected coordinates, or a text with both coordinates."""

STANDS = ("cell_id", "district_code", "longitude_deg", "latitude_deg")
"""Columns of location that hourly sums have."""

_ROUNDED = r"^-?\d+([.,]\d+)?[eE]\+\d+$"

Rule = Callable[[pl.DataFrame, "Territory", "FeedSettings"], pl.DataFrame]


class Record(pa.DataFrameModel):
    """The columns of every kind; a load adds the feed, the version and the hash."""

    source_record_id: str = pa.Field(str_length={"min_value": 1})
    occurred_from: Moment
    occurred_to: Moment
    occurred_precision: str = pa.Field(isin=PRECISIONS)
    reported_at: Moment = pa.Field(nullable=True)
    published_at: Moment = pa.Field(nullable=True)
    known_at: Moment
    longitude_deg: float = pa.Field(nullable=True)
    latitude_deg: float = pa.Field(nullable=True)
    location_method: str = pa.Field(isin=METHODS)
    location_precision_m: float = pa.Field(nullable=True, gt=0)
    cell_id: str = pa.Field(nullable=True)
    district_code: str = pa.Field(nullable=True)

    @pa.check("source_record_id", error="an identifier, not a number that a spreadsheet has rounded")
    def _is_exact(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(~pl.col("source_record_id").str.contains(_ROUNDED))

    # `error`, not `name`: pandera loses the name of a check that several models inherit
    @pa.check("occurred_to", error="not before its start")
    def _in_order(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("occurred_to") >= pl.col("occurred_from"))

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True


class Standing(Record):
    """Something that exists from some time on, possibly without a known end: a camera, a school, a zone, a work."""

    occurred_from: Moment = pa.Field(nullable=True)
    occurred_to: Moment = pa.Field(nullable=True)


@dataclass(frozen=True)
class Sums:
    """How a signal is summed to one row per series and hour.

    Attributes:
        series: columns that identify a series, e.g. the site.
        measures: columns whose mean, number of values and last value are kept.
        distinct: name of a count to the column whose distinct values it counts.
        has_simultaneous: whether several records of a series may end at the same time; the last is then the one with
            the greatest id.
    """

    series: tuple[str, ...]
    measures: tuple[str, ...]
    distinct: Mapping[str, str] = field(default_factory=dict)
    has_simultaneous: bool = False


@dataclass(frozen=True, eq=False)
class Contract:
    """The contract of a kind: the form of its records, in every city.

    Attributes:
        kind: name, time column and retention of the kind.
        model: columns in the table's order, with their checks.
        natural_key: columns that identify a record if the feed has no ``source_record_id``.
        rule: a function specific to the kind that sets columns of the parsed rows.
        completes: required columns that the rule sets, so that a feed need not map them.
        inputs: columns that a feed may map for the rule only, with their types; they are not stored.
        any_of: columns of which a feed must map at least one.
        tolerated_reject_share: share of rejected records above which a window is not loaded, unless the feed states it.
        pseudonymous_key: whether the key identifies a person's file, so that only a pseudonym is kept: never, for
            records under a convention, or always.
        refuses_traces: whether a delivery with fields of images, tracks, faces or plates is refused as a whole.
        refused: columns that a feed may not map because they identify a person, with the reason.
        texts: columns of free text, in which persons are masked.
        measured: columns whose source is a text of which only the length is kept.
        least_count: column to the smallest count that is kept; smaller groups could identify a person.
        small_counts: whether a smaller count is set to null, or its record rejected.
        rounded_to_m: side of the squares to whose centres points are moved, metres, if a point could identify a person.
        repeat_key: columns that are equal in records of the same event.
        repeat_within_s: greatest time between two such records, seconds; ``is_repeat`` marks all but the first.
        sums: how a signal is summed by the hour; None for other kinds. Of signals only the newest version of a record
            is kept, as Parquet; the warehouse has the sums.
    """

    kind: Kind
    model: type[pa.DataFrameModel]
    natural_key: tuple[str, ...] = ("source_record_id",)
    rule: Rule | None = None
    completes: frozenset[str] = frozenset()
    inputs: Mapping[str, pl.DataType] = field(default_factory=dict)
    any_of: tuple[str, ...] = ()
    tolerated_reject_share: float = 0.02
    pseudonymous_key: Literal["never", "convention", "always"] = "never"
    refuses_traces: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    measured: tuple[str, ...] = ()
    least_count: Mapping[str, int] = field(default_factory=dict)
    small_counts: Literal["null", "refuse"] = "refuse"
    rounded_to_m: int | None = None
    repeat_key: tuple[str, ...] = ()
    repeat_within_s: int = 0
    sums: Sums | None = None

    @property
    def name(self) -> str:
        """Name of the kind."""
        return self.kind.name

    @cached_property
    def schema(self) -> dict[str, pl.DataType]:
        """Column to type, in the order of the table ``raw.<name>``, without the columns that a load adds."""
        return {name: column.dtype.type for name, column in self.model.to_schema().columns.items()}

    @cached_property
    def required(self) -> frozenset[str]:
        """Columns that are never null."""
        return frozenset(name for name, column in self.model.to_schema().columns.items() if not column.nullable)

    def dtype(self, name: str) -> pl.DataType:
        """Type of a column that a feed may map: of the contract, of the rule's inputs, or of a location."""
        return self.schema.get(name) or self.inputs.get(name) or (pl.String() if name == "point" else pl.Float64())

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of an accepted record."""
        return tuple(self.schema)

    @property
    def series(self) -> tuple[str, ...]:
        """Columns that identify the series of a signal; empty for other kinds."""
        return self.sums.series if self.sums else ()

    @cached_property
    def hour_schema(self) -> dict[str, pl.DataType]:
        """Column to type of the table ``raw.<name>_hour``, without city and feed; empty for other kinds."""
        if self.sums is None:
            return {}
        of_measures: dict[str, pl.DataType] = {}
        for name in self.sums.measures:
            of_measures |= {
                f"{name}_mean": pl.Float64(),
                f"{name}_count": COUNT,
                f"{name}_last": self.schema[name],
            }
        return {
            **{name: self.schema[name] for name in self.sums.series},
            "hour_start": UTC_TIME,
            **{name: self.schema[name] for name in STANDS},
            "row_count": COUNT,
            "last_at": UTC_TIME,
            **dict.fromkeys(self.sums.distinct, COUNT),
            **of_measures,
        }

    @property
    def content_columns(self) -> tuple[str, ...]:
        """Columns whose change makes a new version.

        Excluded are the key (a pseudonym changes with its secret), the times of publication and knowledge, and
        ``is_repeat``, which depends on where the window that was read begins.
        """
        no_content = ("source_record_id", "published_at", "known_at", *(("is_repeat",) if self.repeat_key else ()))
        return tuple(name for name in self.schema if name not in no_content)
