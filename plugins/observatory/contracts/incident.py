"""Incidents: police logs, recorded facts and calls for service, whatever the city."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandera.polars as pa
import polars as pl

from observatory import grid
from observatory.contracts import read
from observatory.contracts.base import UNUSABLE, UTC_TIME, Kind, Moment, Ordinals, row_hash

if TYPE_CHECKING:
    from observatory.feeds.settings import IncidentFeed
    from observatory.territory import Territory

_MOMENTS = ("occurred_from", "occurred_to", "reported_at", "published_at")
_NUMBERS = ("longitude_deg", "latitude_deg", "easting", "northing")
_TEXTS = ("source_record_id", "source_category_code", "description", "detection_mode", "district_code")
_LONGEST_WINDOW_DAYS = 60


class Incident(pa.DataFrameModel):
    """One incident as a city's source tells it, in the units and clock of the warehouse."""

    source_record_id: str = pa.Field(str_length={"min_value": 1})
    published_at: Moment = pa.Field(nullable=True)
    known_at: Moment
    record_type: str = pa.Field(isin=["police_log", "recorded_fact", "call_for_service"])
    source_category_code: str
    description: str = pa.Field(nullable=True)
    detection_mode: str = pa.Field(nullable=True, isin=["reported", "sensor", "discovered"])
    occurred_from: Moment
    occurred_to: Moment
    occurred_precision: str = pa.Field(isin=["second", "minute", "hour", "day", "month", "year"])
    reported_at: Moment = pa.Field(nullable=True)
    longitude_deg: float = pa.Field(nullable=True)
    latitude_deg: float = pa.Field(nullable=True)
    location_method: str = pa.Field(isin=["gps", "address", "street", "place", "zone", "none"])
    location_precision_m: float = pa.Field(nullable=True, gt=0)
    cell_id: str = pa.Field(nullable=True)
    district_code: str = pa.Field(nullable=True)

    @pa.check("occurred_to", name="not before its start")
    def _in_order(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        return data.lazyframe.select(pl.col("occurred_to") >= pl.col("occurred_from"))

    @pa.check("occurred_to", name=f"within {_LONGEST_WINDOW_DAYS} days of its start")
    def _is_short(cls, data: pa.PolarsData) -> pl.LazyFrame:  # noqa: N805
        window = pl.col("occurred_to") - pl.col("occurred_from")
        is_short = window <= pl.duration(days=_LONGEST_WINDOW_DAYS)
        return data.lazyframe.select(is_short | (pl.col("occurred_precision") == "year"))

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True


def conform(rows: pl.DataFrame, territory: Territory, feed: IncidentFeed, ordinals: Ordinals) -> pl.DataFrame:
    """Turn source rows into records of the kind.

    Args:
        rows: rows as the feed delivered them, shape (n, any).
        territory: the city; gives the clock and the grid.
        feed: how the source writes.
        ordinals: numbers equal rows of the window, where the source has no identifiers.

    Returns:
        The kind's columns and ``unusable_column``, shape (n, 18), row i made of row i. Without a time of its own the
        end of an incident is the end of what ``occurred_precision`` says; a place in another reference system is
        rounded to 1e-7 degrees (a centimetre).
    """
    values = rows.select(_readers(rows, territory, feed))
    if feed.missing_ids:
        names = sorted(values.columns)
        hashed = row_hash(values, names)
        number = ordinals.number(hashed).cast(pl.String)
        values = values.with_columns((hashed.bin.encode("hex") + "-" + number).alias("source_record_id"))
    placed = _placed(values, territory, feed)
    unusable = pl.concat([rows, values.select(pl.all().name.prefix("read "))], how="horizontal").select(
        _first_unusable(feed)
    )
    return _completed(placed, territory, feed).with_columns(unusable[UNUSABLE])


def _readers(rows: pl.DataFrame, territory: Territory, feed: IncidentFeed) -> list[pl.Expr]:
    readers = []
    for name, source in feed.columns.items():
        dtype = rows.schema[source]
        if name in _MOMENTS:
            reader = read.moment(source, dtype, feed, territory.timezone)
        elif name in _NUMBERS:
            reader = read.number(source, dtype, decimal_comma=feed.decimal_comma)
        else:
            reader = read.text(source)
        readers.append(reader.alias(name))
    return readers


def _placed(values: pl.DataFrame, territory: Territory, feed: IncidentFeed) -> pl.DataFrame:
    """Give every row its place in degrees, and its cell; null where the source tells none."""
    epsg = territory.grid.epsg
    if "easting" in feed.columns:
        points = grid.reproject(values["easting"], values["northing"], feed.coordinates.epsg, grid.WGS84)
        is_told = pl.col("easting").is_not_null() & pl.col("northing").is_not_null()
        # the last digits differ between versions of PROJ, and a record must not change for that; a point beyond the
        # earth stays NaN, which is in no bounds
        values = values.with_columns(
            longitude_deg=pl.when(is_told).then(pl.Series(points.east.round(7))),
            latitude_deg=pl.when(is_told).then(pl.Series(points.north.round(7))),
        )
    elif "longitude_deg" not in feed.columns:
        return values.with_columns(
            pl.lit(None, pl.Float64).alias("longitude_deg"),
            pl.lit(None, pl.Float64).alias("latitude_deg"),
            pl.lit(None, pl.String).alias("cell_id"),
        )
    easting, northing = grid.project(values["longitude_deg"], values["latitude_deg"], epsg)
    return values.with_columns(grid.cell_ids(easting, northing, epsg, territory.grid.cell_size_m))


def _completed(values: pl.DataFrame, territory: Territory, feed: IncidentFeed) -> pl.DataFrame:
    absent = [name for name in (*_MOMENTS, *_TEXTS) if name not in values.columns]
    values = values.with_columns(
        pl.lit(None, UTC_TIME if name in _MOMENTS else pl.String).alias(name) for name in absent
    ).with_columns(
        pl.coalesce("occurred_to", read.end_of(pl.col("occurred_from"), feed.occurred_precision, territory.timezone))
    )
    has_place = pl.col("longitude_deg").is_not_null() & pl.col("latitude_deg").is_not_null()
    lag = pl.duration(seconds=round(feed.publication_lag_hours * 3600))
    return values.with_columns(
        known_at=pl.coalesce("published_at", "reported_at", pl.col("occurred_to") + lag),
        record_type=pl.lit(feed.record_type),
        occurred_precision=pl.lit(feed.occurred_precision),
        location_method=pl.when(has_place).then(pl.lit(feed.coordinates.method)).otherwise(pl.lit("none")),
        location_precision_m=pl.when(has_place).then(pl.lit(feed.coordinates.precision_m, pl.Float64)),
    ).select(KIND.columns)


def _first_unusable(feed: IncidentFeed) -> pl.Expr:
    """The first contract column whose source value is there but cannot be read, or is one half of a place."""
    failures = [
        pl.when(read.text(source).is_not_null() & pl.col(f"read {name}").is_null()).then(pl.lit(name))
        for name, source in feed.columns.items()
        if name in (*_MOMENTS, *_NUMBERS)
    ]
    place = [name for name in _NUMBERS if name in feed.columns]
    if place:
        empty = [pl.col(f"read {name}").is_null() for name in place]
        failures += [pl.when(empty[0] & ~empty[1]).then(pl.lit(place[0]))]
        failures += [pl.when(empty[1] & ~empty[0]).then(pl.lit(place[1]))]
    return pl.coalesce(failures).alias(UNUSABLE)


KIND = Kind("incident", Incident, time_column="occurred_from", retention_days=5 * 365)
