"""Settings of a feed: the kind of record, the source, and how its rows map to the contract.

DAG files import this module, so it imports no contract. Whether the columns are those of the kind's contract is checked
when the feed is opened (``observatory.records.mapping``).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from observatory.kinds import KINDS
from observatory.territory.base import Strict
from observatory.territory.sources import AnySource

Precision = Literal["second", "minute", "hour", "day", "month", "year"]
Share = Annotated[float, Field(ge=0, le=1)]
Names = Annotated[tuple[str, ...], Field(min_length=1)]


class Coordinates(Strict):
    """How a feed states locations.

    Attributes:
        epsg: reference system of the source's coordinates; 4326 is degrees.
        method: how the source determines its points.
        precision_m: how far a point may be from the true location, metres.
        point_order: which coordinate comes first in a text with both (``point``); GeoJSON and WKT always have the
            longitude first.
    """

    epsg: int = Field(default=4326, ge=1024, le=32767)
    method: Literal["gps", "address", "street", "place", "zone"] = "address"
    precision_m: float | None = Field(default=None, gt=0)
    point_order: Literal["lon,lat", "lat,lon"] = "lon,lat"


class Convention(Strict):
    """The legal convention under which a partner provides records.

    Attributes:
        partner: the organisation that provides them.
        purpose: what they may be used for.
        legal_basis: the law or decision that allows it.
        document: reference of the signed document.
        start: first day on which records may be loaded.
        end: last day on which records may be loaded.
    """

    partner: str = Field(min_length=1)
    purpose: str = Field(min_length=1)
    legal_basis: str = Field(min_length=1)
    document: str = Field(min_length=1)
    start: date
    end: date

    @model_validator(mode="after")
    def _in_order(self) -> Convention:
        if self.end < self.start:
            raise ValueError(f"ends on {self.end}, before its start {self.start}", "an `end` on or after `start`")
        return self

    def is_live(self, day: date) -> bool:
        """Whether records may be loaded on ``day``."""
        return self.start <= day <= self.end


class FeedSettings(Strict):
    """One feed of a city: a kind of record from a source.

    Attributes:
        feed_id: the feed's key in the file.
        territory_file: name of the territory file, for error messages.
        kind: kind of record, a module of ``observatory/contracts``.
        source: protocol, address and options.
        owner: the organisation responsible for the data.
        licence: licence of open data; all other data needs a ``convention`` instead.
        convention: the legal convention under which a partner provides the records.
        columns: contract column to source column, or to several whose texts are joined by a space.
        constants: contract column to the value that every record of the feed has.
        values: contract column to a map of the source's values to the contract's (null for no value); values that are
            not listed are kept.
        coded_texts: text columns with values of a closed list, so that they cannot contain names of persons.
        where: source column to its allowed values; other rows are not read.
        ignored_columns: source columns that are deliberately not mapped. When a mapped column is missing, the error
            reports the columns that are in neither list as new.
        window_column: source column of the time by which windows are selected; by default that of ``occurred_from``.
        missing_ids: ``hash`` if the source has no identifier: a record is then identified by the hash of its content
            and, among equal records, by its number.
        clock: whether the source writes the city's local time or UTC; by default local, except that seconds since 1970
            count in UTC. An offset in the value takes precedence.
        date_formats: formats of times, tried in order (chrono's ``%`` codes; ``%s`` is seconds since 1970).
        occurred_precision: how exactly the source states when something happened.
        decimal_comma: whether numbers are written ``1 045,5``.
        coordinates: how locations are written.
        outside_bounds: what happens to a record whose location is outside the city's ``bounds``: it is rejected, or, if
            the source covers more than the city, dropped; dropped records are counted apart.
        publication_lag_hours: delay after the event at which a record without a date of publication or report is
            assumed to be known.
        history_start: first day for which the feed has records.
        is_complete: whether a response lists every record of its window, so that a record it no longer lists is
            withdrawn.
        tolerated_reject_share: share of rejected records above which a window is not loaded (a live run may exceed it
            by a few records: see ``records.tolerance``); by default the kind's.
        tolerated_withdrawal_share: if more than this share of the known records is missing, none is withdrawn.
        correction_days: how far back the source corrects records, days; by default the kind's.
        cadence_min: minutes between the runs of a live feed; a feed without it is read once a day, at the territory's
            ``schedule``.
        least_count: column to the smallest count that the source publishes, if it is larger than the kind's.
    """

    feed_id: str
    territory_file: str
    kind: str
    source: AnySource
    owner: str = Field(min_length=1)
    licence: str | None = Field(default=None, min_length=1)
    convention: Convention | None = None
    columns: dict[str, str | Names] = {}
    constants: dict[str, str | int | float] = {}
    values: dict[str, dict[str, str | int | float | None]] = {}
    coded_texts: tuple[str, ...] = ()
    where: dict[str, Names] = {}
    ignored_columns: tuple[str, ...] = ()
    window_column: str | None = None
    missing_ids: Literal["hash"] | None = None
    clock: Literal["local", "utc"] | None = None
    date_formats: Names = ("%Y-%m-%dT%H:%M:%S%.f",)
    occurred_precision: Precision = "minute"
    decimal_comma: bool = False
    coordinates: Coordinates = Coordinates()
    outside_bounds: Literal["reject", "drop"] = "reject"
    publication_lag_hours: float = Field(default=24, ge=0)
    history_start: date | None = None
    is_complete: bool = False
    least_count: dict[str, int] = {}
    tolerated_reject_share: Share | None = None
    tolerated_withdrawal_share: Share = 0.05
    correction_days: int | None = Field(default=None, ge=0, le=3_660)
    cadence_min: int | None = Field(default=None, ge=1, le=1_440)

    @field_validator("kind")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        if value not in KINDS:
            raise ValueError(f"is {value!r}", f"one of {', '.join(KINDS)}")
        return value

    @model_validator(mode="after")
    def _licence_or_convention(self) -> FeedSettings:
        if (self.licence is None) == (self.convention is None):
            has = "both" if self.licence else "neither"
            raise ValueError(
                f"has {has} of `licence` and `convention`",
                "the `licence` of open data, or the `convention` under which a partner provides its records",
            )
        if self.source.needs_convention and self.convention is None:
            raise ValueError(
                f"reads {self.source.protocol} under a `licence`",
                "the `convention` that allows the city to read public messages of persons",
            )
        return self

    @model_validator(mode="after")
    def _inbox_has_no_windows(self) -> FeedSettings:
        if self.source.is_inbox and self.is_complete:
            raise ValueError("has `is_complete` and an `inbox`", "one of them: a delivery lists new records only")
        if self.source.is_inbox and self.history_start:
            raise ValueError("has `history_start` and an `inbox`", "one of them: deliveries cannot be read by days")
        return self

    @property
    def terms(self) -> str:
        """The licence or convention as text."""
        if self.convention is None:
            return f"Licence: {self.licence}"
        c = self.convention
        until = f"from {c.start} to {c.end}"
        return f"Convention with {c.partner} ({c.document}) {until}, for {c.purpose}, under {c.legal_basis}"

    def sources_of(self, column: str) -> tuple[str, ...]:
        """Source columns of a contract column; empty if it is not mapped."""
        named = self.columns.get(column, ())
        return (named,) if isinstance(named, str) else named

    @property
    def window_sources(self) -> tuple[str, ...]:
        """Source columns of the time by which windows are selected; empty if records have no time."""
        return (self.window_column,) if self.window_column else self.sources_of("occurred_from")

    @property
    def read_columns(self) -> tuple[str, ...]:
        """Source columns that are read, each once: exactly those that the file names."""
        named = [source for column in self.columns for source in self.sources_of(column)]
        return tuple(dict.fromkeys([*named, *self.where, *self.window_sources]))
