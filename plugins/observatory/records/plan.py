"""How the rows of one feed become records, compiled once from the territory file and the kind's contract."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory.contracts import CONTRACTS, parse
from observatory.contracts.base import UTC_TIME, Contract
from observatory.records.location import GEOMETRY, without_empty_points

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

IN_BOUNDS = "in bounds"
"""Name of the check that a point lies within the city's bounds."""

DEGREES = {"easting": "longitude_deg", "northing": "latitude_deg"}
"""Projected coordinate to the coordinate in degrees that is computed from it."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A feed's settings and contract, and the polars expressions compiled from both.

    Attributes:
        territory: the city.
        feed: the feed's settings in the territory file.
        contract: the contract of the feed's kind.
    """

    territory: Territory
    feed: FeedSettings
    contract: Contract

    @classmethod
    def of(cls, territory: Territory, feed_id: str) -> Plan:
        """The plan of one of a city's feeds."""
        feed = territory.feeds[feed_id]
        return cls(territory, feed, CONTRACTS[feed.kind])

    def __str__(self) -> str:
        return f"{self.territory.code}/{self.feed.feed_id}"

    @cached_property
    def time_sources(self) -> tuple[str, ...]:
        """Source columns of the time by which windows are cut; none if records of the kind have no time."""
        return self.feed.window_sources if self.contract.kind.time_column else ()

    @cached_property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """Mapped contract column to the source columns it is read from."""
        return {column: self.feed.sources_of(column) for column in self.feed.columns}

    @cached_property
    def checked_sources(self) -> dict[str, tuple[str, ...]]:
        """Contract column to the source columns it is computed from, also for degrees of projected points or areas."""
        named = {DEGREES.get(name, name): sources for name, sources in self.sources.items()}
        place = named.get("point") or named.get(GEOMETRY)
        return dict.fromkeys(DEGREES.values(), place) | named if place else named

    @cached_property
    def mapped(self) -> tuple[str, ...]:
        """The mapped source columns, each once."""
        return tuple(dict.fromkeys(source for sources in self.sources.values() for source in sources))

    @cached_property
    def has_pseudonymous_key(self) -> bool:
        """Whether the source's identifiers lead to a person's file, so that only their pseudonyms are kept."""
        rule = self.contract.pseudonymous_key
        is_secret = rule == "always" or (rule == "convention" and self.feed.convention is not None)
        return is_secret and "source_record_id" in self.sources

    @cached_property
    def texts(self) -> list[pl.Expr]:
        """Each mapped column as text, with the source's codes translated to the contract's."""
        texts = []
        for name, sources in self.sources.items():
            is_time = self.contract.dtype(name) in (UTC_TIME, pl.Date())
            value = parse.time_text(*sources) if is_time else parse.text(*sources)
            if name == "point":
                value = without_empty_points(value)
            if codes := self.feed.values.get(name):
                value = value.replace(list(codes), [None if code is None else str(code) for code in codes.values()])
            texts.append(value.alias(name))
        return texts

    @cached_property
    def constants(self) -> list[pl.Expr]:
        """The constant columns of the feed, in the types of the contract."""
        given = {name: pl.lit(str(value)) for name, value in self.feed.constants.items()}
        return [self.typed(text, self.contract.dtype(name)).alias(name) for name, text in given.items()]

    @cached_property
    def schema(self) -> pa.DataFrameSchema:
        """The contract's checks, and for kinds with a location the check of the city's bounds."""
        # pandera caches one schema per model; copied, so that the bounds of one city do not apply to another
        schema = copy.deepcopy(self.contract.model.to_schema())
        bounds = self.territory.bounds
        limits = {"longitude_deg": (bounds.west, bounds.east), "latitude_deg": (bounds.south, bounds.north)}
        for name, (low, high) in limits.items():
            if name in schema.columns:
                schema.columns[name].checks.append(pa.Check.in_range(low, high, name=IN_BOUNDS, error=IN_BOUNDS))
        return schema

    def typed(self, written: pl.Expr, dtype: pl.DataType) -> pl.Expr:
        """Convert a text to a type of the contract; null where it cannot be read."""
        if dtype == UTC_TIME:
            return parse.written_moment(written, self.feed, self.territory.timezone)
        if dtype == pl.Date():
            return parse.day(written, self.feed)
        if dtype == pl.Boolean():
            return parse.boolean(written)
        if dtype.is_numeric():
            return parse.number(written, dtype, decimal_comma=self.feed.decimal_comma)
        return written
