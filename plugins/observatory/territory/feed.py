"""What a territory file says of a feed: which kind of record, from which source, and how the source writes it.

Light: the schedules read it too. That the columns are those of the kind's contract is checked when the feed is opened
(``observatory.records.mapping``).
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
    """How a feed writes where something is.

    Attributes:
        epsg: reference system of the source's columns; 4326 is degrees.
        method: how the source came by its points.
        precision_m: how far a point may be from the place, metres.
        point_order: which comes first where both coordinates stand in one text (``point``); GeoJSON and WKT always
            have the longitude first.
    """

    epsg: int = Field(default=4326, ge=1024, le=32767)
    method: Literal["gps", "address", "street", "place", "zone"] = "address"
    precision_m: float | None = Field(default=None, gt=0)
    point_order: Literal["lon,lat", "lat,lon"] = "lon,lat"


class Convention(Strict):
    """The legal convention under which a partner hands its records over.

    Attributes:
        partner: who hands them over.
        purpose: what they may be used for.
        legal_basis: the law or decision that allows it.
        document: reference of the signed document.
        start: first day on which records may be loaded.
        end: last day on which they may.
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
        territory_file: name of the file, for messages that say what to edit.
        kind: kind of record, a module of ``observatory/contracts``.
        source: protocol and address.
        owner: who answers for the data at the source.
        licence: terms under which open data is published; in its place, for all other data:
        convention: the legal convention under which it is handed over.
        columns: contract column to source column, or to several whose texts are joined by a blank.
        constants: contract column to the value every record of the feed has there.
        values: contract column to (the source's value to the contract's); null for none;
            values not listed stay as they are.
        coded_texts: text columns whose values are from a closed list of the source's, so that no person can be in them.
        where: source column to the values it may have; rows with others are not read.
        ignored_columns: columns the source has and the contract does not want; only a column that is neither
            here nor in ``columns`` counts as new when another one is missing.
        window_column: source column of the time by which windows are cut; by default that of ``occurred_from``.
        missing_ids: ``hash`` where the source has no identifier: records are known by their content and, among equal
            ones, by their number.
        clock: whether the source writes the city's local time or UTC; an offset written in the value wins over it.
        date_formats: how moments are written, tried in order (chrono's ``%`` codes; ``%s`` is seconds since 1970).
        occurred_precision: how exactly the source knows when something happened.
        decimal_comma: whether numbers are written ``1 045,5``.
        coordinates: how places are written.
        publication_lag_hours: how long after the event a record without a date of publication or report is known.
        history_start: first day the feed has records of.
        is_complete: whether an answer lists every record of its window, so that what it no longer lists is withdrawn.
        tolerated_reject_share: share of rejected records above which a window is not loaded (of a live run's, a few
            more: see ``records.tolerance``); by default the kind's.
        tolerated_withdrawal_share: share of the known records above which none that is missing is withdrawn.
        correction_days: how far back the source still changes records, days; by default the kind's.
        cadence_min: minutes between the runs of a live feed; absent where it is read once a day, by the territory's
            ``schedule``.
        least_count: column to the count below which the source itself holds a group back, where that is more than the
            kind's.
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
    clock: Literal["local", "utc"] = "local"
    date_formats: Names = ("%Y-%m-%dT%H:%M:%S%.f",)
    occurred_precision: Precision = "minute"
    decimal_comma: bool = False
    coordinates: Coordinates = Coordinates()
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
                "the `licence` of open data, or the `convention` under which a partner hands its records over",
            )
        if self.source.needs_convention and self.convention is None:
            raise ValueError(
                f"reads {self.source.protocol} under a `licence`",
                "the `convention` that allows the city to read what persons say in public",
            )
        return self

    @model_validator(mode="after")
    def _nobody_is_asked_for_a_delivery(self) -> FeedSettings:
        if self.source.is_inbox and self.is_complete:
            raise ValueError("has `is_complete` and an `inbox`", "one of them: a delivery lists what is new, not all")
        if self.source.is_inbox and self.history_start:
            raise ValueError("has `history_start` and an `inbox`", "one of them: what is sent is not asked for by days")
        return self

    @property
    def terms(self) -> str:
        """Under which terms the records come, as a sentence without its full stop."""
        if self.convention is None:
            return f"Licence: {self.licence}"
        c = self.convention
        until = f"from {c.start} to {c.end}"
        return f"Convention with {c.partner} ({c.document}) {until}, for {c.purpose}, under {c.legal_basis}"

    def sources_of(self, column: str) -> tuple[str, ...]:
        """Source columns that a contract column is read from; none where the feed does not have it."""
        named = self.columns.get(column, ())
        return (named,) if isinstance(named, str) else named

    @property
    def window_sources(self) -> tuple[str, ...]:
        """Source columns of the time by which windows are cut; none where records have no time."""
        return (self.window_column,) if self.window_column else self.sources_of("occurred_from")

    @property
    def read_columns(self) -> tuple[str, ...]:
        """Source columns that are read, each once: those the file names, no other."""
        named = [source for column in self.columns for source in self.sources_of(column)]
        return tuple(dict.fromkeys([*named, *self.where, *self.window_sources]))
