"""What a territory file says of a feed. Light: the schedules read it too."""

from __future__ import annotations

import codecs
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Precision = Literal["second", "minute", "hour", "day", "month", "year"]
Share = Annotated[float, Field(ge=0, le=1)]


class Strict(BaseModel):
    """A part of a territory file: unknown keys are refused, nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Csv(Strict):
    """How a delimited file is written."""

    separator: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codecs.lookup(value)
        except LookupError:
            raise ValueError(f"is {value!r}", "an encoding, e.g. utf-8, latin-1 or cp1252") from None
        return value


class FeedSettings(Strict):
    """What every feed declares, whatever it delivers and over whichever protocol.

    Attributes:
        feed_id: the feed's key in the file.
        territory_file: name of the file, for messages that say what to edit.
        protocol: socrata (``resource`` at ``address``) or file (``path`` below ``address``).
        owner: who answers for the data at the source.
        licence: terms under which the source publishes.
        address: base URL or folder; a relative folder is taken from the project's root.
        resource: identifier of a Socrata resource, e.g. ``ijzp-q8t2``.
        path: file below the address; ``*`` stands for any name where the address is not a URL.
        format: how the file is written; by default what its name ends with.
        csv: separator and encoding where the format is csv.
        columns: contract column to source column.
        ignored_columns: columns the source has and the contract does not want; only a column that is neither
            here nor in ``columns`` counts as new when another one is missing.
        history_start: first day the feed has records of.
        is_complete: whether an answer lists every record of its window, so that what it no longer lists is withdrawn.
        tolerated_reject_share: share of rejected records above which a window is not loaded.
        tolerated_withdrawal_share: share of the known records above which none that is missing is withdrawn.
        correction_days: how far back the source still changes records, days.
    """

    feed_id: str
    territory_file: str
    protocol: Literal["socrata", "file"]
    owner: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    address: str = Field(min_length=1)
    resource: str | None = Field(default=None, pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
    path: str | None = Field(default=None, min_length=1)
    format: Literal["csv", "parquet", "geojson"] | None = None
    csv: Csv = Csv()
    columns: dict[str, str] = {}
    ignored_columns: tuple[str, ...] = ()
    history_start: date | None = None
    is_complete: bool = False
    tolerated_reject_share: Share = 0.02
    tolerated_withdrawal_share: Share = 0.05
    correction_days: int = Field(default=30, ge=0, le=3_660)

    @model_validator(mode="after")
    def _protocol_has_what_it_needs(self) -> FeedSettings:
        wanted, unwanted = ("resource", "path") if self.protocol == "socrata" else ("path", "resource")
        if getattr(self, wanted) is None or getattr(self, unwanted) is not None:
            raise ValueError(
                f"has `resource` {self.resource!r} and `path` {self.path!r}",
                f"`{wanted}` and no `{unwanted}`, as protocol {self.protocol} needs",
            )
        if self.protocol == "file" and self.file_format not in ("csv", "parquet", "geojson"):
            raise ValueError(
                f"has `path` {self.path!r}", "a name ending in csv, parquet or geojson, or the key `format`"
            )
        return self

    @property
    def file_format(self) -> str:
        """Format of a file feed: as declared, else as its name ends."""
        return self.format or (self.path or "").rpartition(".")[2]


class Coordinates(Strict):
    """How an incident feed writes where something happened.

    Attributes:
        epsg: reference system of the source's columns; 4326 is degrees.
        method: how the source came by its points.
        precision_m: how far a point may be from the place, metres.
    """

    epsg: int = Field(default=4326, ge=1024, le=32767)
    method: Literal["gps", "address", "street", "place", "zone"] = "address"
    precision_m: float | None = Field(default=None, gt=0)


class IncidentFeed(FeedSettings):
    """A feed of incidents.

    Attributes:
        record_type: what the records are of.
        missing_ids: ``hash`` where the source has no identifier: records are known by their content and, among equal
            ones, by their number.
        clock: whether the source writes the city's local time or UTC; an offset written in the value wins over it.
        date_formats: how moments are written, tried in order (chrono's ``%`` codes).
        occurred_precision: how exactly the source knows when something happened.
        decimal_comma: whether numbers are written ``1 045,5``.
        publication_lag_hours: how long after the event a record without a date of publication or report is known.
    """

    kind: Literal["incident"]
    record_type: Literal["police_log", "recorded_fact", "call_for_service"]
    missing_ids: Literal["hash"] | None = None
    clock: Literal["local", "utc"] = "local"
    date_formats: tuple[str, ...] = Field(default=("%Y-%m-%dT%H:%M:%S%.f",), min_length=1)
    occurred_precision: Precision = "minute"
    coordinates: Coordinates = Coordinates()
    decimal_comma: bool = False
    publication_lag_hours: float = Field(default=24, ge=0)

    @model_validator(mode="after")
    def _columns_are_the_contracts(self) -> IncidentFeed:
        required = {"occurred_from", "source_category_code"} | (set() if self.missing_ids else {"source_record_id"})
        optional = {"occurred_to", "reported_at", "published_at", "description", "detection_mode", "district_code"}
        place = {"longitude_deg", "latitude_deg"} if self.coordinates.epsg == 4326 else {"easting", "northing"}
        _refuse_columns(self.columns, required, optional | place)
        if len(place & set(self.columns)) == 1:
            raise ValueError("has half of a place in `columns`", f"{' and '.join(sorted(place))}, or neither")
        return self


class ZoneFeed(FeedSettings):
    """A feed of zones: polygons with a code and a name; without ``columns``, the one zone is the city itself.

    Attributes:
        zone_type: city (the boundary) or district.
    """

    kind: Literal["zone"]
    protocol: Literal["file"]
    zone_type: Literal["city", "district"]

    @model_validator(mode="after")
    def _columns_are_the_contracts(self) -> ZoneFeed:
        if self.file_format != "geojson":
            raise ValueError(f"has `path` {self.path!r}", "a GeoJSON file, the only format of zones")
        if self.zone_type != "city" or self.columns:
            _refuse_columns(self.columns, {"zone_code", "zone_name"}, set())
        return self


AnyFeed = Annotated[IncidentFeed | ZoneFeed, Field(discriminator="kind")]


def _refuse_columns(columns: dict[str, str], required: set[str], optional: set[str]) -> None:
    missing, unknown = sorted(required - set(columns)), sorted(set(columns) - required - optional)
    if missing or unknown:
        raise ValueError(
            f"has `columns` that lack {missing} and that are unknown: {unknown}",
            f"the columns {sorted(required)} and any of {sorted(optional)}",
        )
