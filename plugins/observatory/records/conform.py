"""The way from a source's rows to records of a kind, driven by the kind's contract and what the feed declares."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from observatory.contracts import parse
from observatory.contracts.base import PLACE, UNUSABLE, UTC_TIME, Kind
from observatory.records.identity import Ordinals, row_hash
from observatory.records.location import GEOMETRY, geometries, locate, split_point
from observatory.window import local_midnight

if TYPE_CHECKING:
    from observatory.territory.city import Territory
    from observatory.territory.feed import FeedSettings

_KEY_MARK = ":"


def conform_rows(
    kind: Kind,
    rows: pl.DataFrame,
    territory: Territory,
    feed: FeedSettings,
    *,
    ordinals: Ordinals,
    read_at: datetime,
) -> pl.DataFrame:
    """Turn source rows into records of the kind.

    Args:
        kind: the contract, which says what each column is.
        rows: rows as the feed delivered them, shape (n, any).
        territory: the city; gives the clock and the grid.
        feed: which source column is which, and how the source writes.
        ordinals: numbers equal rows of the window, where the source has no identifiers.
        read_at: when the rows were read, UTC.

    Returns:
        The kind's columns and ``unusable_column``, shape (n, columns + 1), row i made of row i.
    """
    written = rows.select(_texts(feed))
    values = _read(kind, rows, written, territory, feed)
    unusable = _first_unusable(written, values, feed)
    values = values.with_columns(_constants(kind, territory, feed))
    if feed.missing_ids:
        values = values.with_columns(_numbered(values, ordinals))
    if kind.rule:
        values = kind.rule(values, territory, feed)
    if kind.repeat_key:
        like = values.select(pl.concat_str(kind.repeat_key, separator=_KEY_MARK)).to_series()
        values = values.with_columns(ordinals.repeats(like, values["occurred_from"], kind.repeat_within_s))
    values = _timed(kind, locate(kind, values, territory, feed), territory, feed, read_at)
    if "source_record_id" not in values.columns:
        values = values.with_columns(_key(kind, values).alias("source_record_id"))
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in kind.schema.items() if name not in values.columns]
    return values.with_columns(absent).select(kind.columns).with_columns(unusable)


def _texts(feed: FeedSettings) -> list[pl.Expr]:
    """Each mapped column as the source wrote it, its codes translated to the contract's."""
    texts = []
    for name in feed.columns:
        value = parse.text(*feed.sources_of(name))
        if codes := feed.values.get(name):
            meant = [None if code is None else str(code) for code in codes.values()]
            value = value.replace(list(codes), meant)
        texts.append(value.alias(name))
    return texts


def _constants(kind: Kind, territory: Territory, feed: FeedSettings) -> list[pl.Expr]:
    """What every record of the feed has, in the types of the contract."""
    texts = {name: pl.lit(str(value)) for name, value in feed.constants.items()}
    return [_typed(text, kind.dtype(name), territory, feed).alias(name) for name, text in texts.items()]


def _typed(written: pl.Expr, dtype: pl.DataType, territory: Territory, feed: FeedSettings) -> pl.Expr:
    """A text in the type of the contract; null where it cannot be read."""
    clock = territory.timezone if feed.clock == "local" else "UTC"
    if dtype == UTC_TIME:
        return parse.written_moment(written, feed, clock)
    if dtype == pl.Date():
        return parse.day(written, feed)
    if dtype == pl.Boolean():
        return parse.truth(written)
    if dtype.is_numeric():
        return parse.number(written, dtype, decimal_comma=feed.decimal_comma)
    return written


def _read(
    kind: Kind, rows: pl.DataFrame, written: pl.DataFrame, territory: Territory, feed: FeedSettings
) -> pl.DataFrame:
    """The mapped columns in the types of the contract; null where what is written cannot be read."""
    frame = pl.concat([rows, written.select(pl.all().name.prefix("written "))], how="horizontal")
    readers = []
    for name in feed.columns:
        dtype, sources = kind.dtype(name), feed.sources_of(name)
        stored, written_value = rows.schema[sources[0]], pl.col(f"written {name}")
        if dtype == UTC_TIME and stored.is_temporal() and name not in feed.values:
            value = parse.moment(sources, stored, feed, territory.timezone)
        elif dtype.is_numeric() and stored.is_numeric() and name not in feed.values:
            value = parse.number(pl.col(sources[0]), dtype)
        else:
            value = _typed(written_value, dtype, territory, feed)
        readers.append(value.alias(name))
    values = frame.select(readers)
    if GEOMETRY in values.columns:
        values = values.with_columns(geometries(values[GEOMETRY], feed.coordinates.epsg).alias(GEOMETRY))
    if "point" in values.columns:
        names = ("longitude_deg", "latitude_deg") if feed.coordinates.epsg == 4326 else ("easting", "northing")
        both = split_point(pl.col("point"), feed.coordinates)
        values = values.with_columns(axis.alias(name) for name, axis in zip(names, both, strict=True)).drop("point")
    return values


def _first_unusable(written: pl.DataFrame, values: pl.DataFrame, feed: FeedSettings) -> pl.Series:
    """The first contract column whose source value is there but cannot be read, or is one half of a place."""
    both = pl.concat([written.select(pl.all().name.prefix("written ")), values], how="horizontal")
    failures = [
        pl.when(pl.col(f"written {name}").is_not_null() & pl.col(name).is_null()).then(pl.lit(name))
        for name in feed.columns
        if name in values.columns
    ]
    place = [name for name in PLACE if name in values.columns]
    if place:
        empty = [pl.col(name).is_null() for name in place]
        failures += [pl.when(empty[0] & ~empty[1]).then(pl.lit(place[0]))]
        failures += [pl.when(empty[1] & ~empty[0]).then(pl.lit(place[1]))]
    if "point" in feed.columns:
        failures += [pl.when(pl.col("written point").is_not_null() & pl.col(place[0]).is_null()).then(pl.lit("point"))]
    return both.select(pl.coalesce(pl.lit(None, pl.String), *failures).alias(UNUSABLE)).to_series()


def _numbered(values: pl.DataFrame, ordinals: Ordinals) -> pl.Series:
    """Identifiers of records that have none: their content's hash and their number among equals."""
    hashed = row_hash(values, sorted(values.columns))
    number = ordinals.number(hashed).cast(pl.String)
    return (hashed.bin.encode("hex") + "-" + number).alias("source_record_id")


def _key(kind: Kind, values: pl.DataFrame) -> pl.Expr:
    """The natural key as text; null where a part of it that is never empty is."""
    parts = []
    for name in kind.natural_key:
        value = pl.col(name) if name in values.columns else pl.lit(None, kind.schema[name])
        is_moment = kind.schema[name] == UTC_TIME
        part = value.dt.strftime("%Y-%m-%dT%H:%M:%SZ") if is_moment else value.cast(pl.String)
        parts.append(part if name in kind.required else part.fill_null(""))
    return pl.concat_str(parts, separator=_KEY_MARK)


def _timed(
    kind: Kind, values: pl.DataFrame, territory: Territory, feed: FeedSettings, read_at: datetime
) -> pl.DataFrame:
    """Complete when it happened, how exactly that is known, and when it could be known."""
    moments = ("occurred_from", "occurred_to", "reported_at", "published_at")
    absent = [pl.lit(None, UTC_TIME).alias(name) for name in moments if name not in values.columns]
    if "occurred_precision" not in values.columns:
        absent.append(pl.lit(feed.occurred_precision).alias("occurred_precision"))
    values = values.with_columns(absent)
    if "occurred_to" in kind.required:
        end = parse.end_of(pl.col("occurred_from"), pl.col("occurred_precision"), territory.timezone)
        values = values.with_columns(pl.coalesce("occurred_to", end))
    if kind.time_column:
        unsaid = pl.col("occurred_to").fill_null(pl.col("occurred_from"))
        unsaid += pl.duration(seconds=round(feed.publication_lag_hours * 3600))
    else:
        # what stands is listed long after it began, so its own time does not say when it could be known
        begun = local_midnight(feed.history_start, territory.timezone) if feed.history_start else read_at
        unsaid = pl.lit(begun).cast(UTC_TIME)
    said = [name for name in ("known_at", "published_at", "reported_at") if name in values.columns]
    return values.with_columns(known_at=pl.coalesce(*said, unsaid))
