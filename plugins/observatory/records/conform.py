"""Turn a source's rows into records with the columns of a contract, as the feed declares."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from observatory.contracts import parse
from observatory.contracts.base import PLACE, UNUSABLE, UTC_TIME, Contract
from observatory.records.identity import Ordinals, row_hash
from observatory.records.location import GEOMETRY, geometries, locate, split_point
from observatory.window import local_midnight

if TYPE_CHECKING:
    from observatory.records.plan import Plan
    from observatory.territory.feed import FeedSettings

_KEY_MARK = ":"


def conform(
    rows: pl.DataFrame, plan: Plan, ordinals: Ordinals | None = None, read_at: datetime | None = None
) -> pl.DataFrame:
    """Turn a chunk of a feed's rows into records of its kind.

    Args:
        rows: the minimised rows, shape (n, any).
        plan: how the feed's rows become records.
        ordinals: the same object for all chunks of one window, so that equal rows without identifiers are numbered.
        read_at: when the rows were read, UTC; now by default.

    Returns:
        The kind's columns and ``unusable_column``, shape (n, columns + 1), one row per input row in the same order.
        No row is left out; ``check`` rejects.
    """
    contract, feed, ordinals = plan.contract, plan.feed, ordinals or Ordinals()
    written = rows.select(plan.texts)
    values = _read(rows, written, plan)
    unusable = _first_unusable(written, values, feed)
    values = values.with_columns([*plan.constants, *_precision(rows, written, plan)])
    if feed.missing_ids:
        values = values.with_columns(_numbered(values, ordinals))
    if contract.rule:
        values = contract.rule(values, plan.territory, feed)
    if contract.repeat_key:
        like = values.select(pl.concat_str(contract.repeat_key, separator=_KEY_MARK)).to_series()
        values = values.with_columns(ordinals.repeats(like, values["occurred_from"], contract.repeat_within_s))
    values = _timed(locate(contract, values, plan.territory, feed), plan, read_at or datetime.now(UTC))
    if "source_record_id" not in values.columns:
        values = values.with_columns(_key(contract, values).alias("source_record_id"))
    absent = [pl.lit(None, dtype).alias(name) for name, dtype in contract.schema.items() if name not in values.columns]
    return values.with_columns(absent).select(contract.columns).with_columns(unusable)


def _read(rows: pl.DataFrame, written: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """The mapped columns in the types of the contract; null where a value cannot be read."""
    frame = pl.concat([rows, written.select(pl.all().name.prefix("written "))], how="horizontal")
    readers = []
    feed = plan.feed
    for name, sources in plan.sources.items():
        dtype = plan.contract.dtype(name)
        stored, written_value = rows.schema[sources[0]], pl.col(f"written {name}")
        if dtype == UTC_TIME and stored.is_temporal() and name not in feed.values:
            value = parse.moment(sources, stored, feed, plan.territory.timezone)
        elif dtype.is_numeric() and stored.is_numeric() and name not in feed.values:
            value = parse.number(pl.col(sources[0]), dtype)
        else:
            value = plan.typed(written_value, dtype)
        readers.append(value.alias(name))
    values = frame.select(readers)
    if GEOMETRY in values.columns:
        values = values.with_columns(geometries(values[GEOMETRY], feed.coordinates.epsg).alias(GEOMETRY))
    if "point" in values.columns:
        names = ("longitude_deg", "latitude_deg") if feed.coordinates.epsg == 4326 else ("easting", "northing")
        both = split_point(pl.col("point"), feed.coordinates)
        values = values.with_columns(axis.alias(name) for name, axis in zip(names, both, strict=True)).drop("point")
    return values


def _precision(rows: pl.DataFrame, written: pl.DataFrame, plan: Plan) -> list[pl.Series]:
    """The precision of each row's time, if the feed has formats with and without an hour and states no precision."""
    column = "occurred_from"
    if column not in plan.sources or "occurred_precision" in {*plan.sources, *plan.feed.constants}:
        return []
    precision = parse.precision(pl.col(column), plan.feed, plan.territory.timezone)
    if precision is None or rows.schema[plan.sources[column][0]].is_temporal():
        return []
    return [written.select(occurred_precision=precision).to_series()]


def _first_unusable(written: pl.DataFrame, values: pl.DataFrame, feed: FeedSettings) -> pl.Series:
    """The first contract column whose source value is present but cannot be read, or is only half of a place."""
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
    """Identifiers for records that have none: the hash of their content and their number among equal records."""
    hashed = row_hash(values, sorted(values.columns))
    number = ordinals.number(hashed).cast(pl.String)
    return (hashed.bin.encode("hex") + "-" + number).alias("source_record_id")


def _key(contract: Contract, values: pl.DataFrame) -> pl.Expr:
    """The natural key as text; null where a required part is null."""
    parts = []
    for name in contract.natural_key:
        value = pl.col(name) if name in values.columns else pl.lit(None, contract.schema[name])
        is_moment = contract.schema[name] == UTC_TIME
        part = value.dt.strftime("%Y-%m-%dT%H:%M:%SZ") if is_moment else value.cast(pl.String)
        parts.append(part if name in contract.required else part.fill_null(""))
    return pl.concat_str(parts, separator=_KEY_MARK)


def _timed(values: pl.DataFrame, plan: Plan, read_at: datetime) -> pl.DataFrame:
    """Complete the columns of time: when it happened, with what precision, and when it could be known."""
    feed, timezone = plan.feed, plan.territory.timezone
    moments = ("occurred_from", "occurred_to", "reported_at", "published_at")
    absent = [pl.lit(None, UTC_TIME).alias(name) for name in moments if name not in values.columns]
    if "occurred_precision" not in values.columns:
        absent.append(pl.lit(feed.occurred_precision).alias("occurred_precision"))
    values = values.with_columns(absent)
    if "occurred_to" in plan.contract.required:
        end = parse.end_of(pl.col("occurred_from"), pl.col("occurred_precision"), timezone)
        values = values.with_columns(pl.coalesce("occurred_to", end))
    if plan.contract.kind.time_column:
        assumed = pl.col("occurred_to").fill_null(pl.col("occurred_from"))
        assumed += pl.duration(seconds=round(feed.publication_lag_hours * 3600))
    else:
        # a record without a time column may be listed long after it began, so its own time is no evidence
        begun = local_midnight(feed.history_start, timezone) if feed.history_start else read_at
        assumed = pl.lit(begun).cast(UTC_TIME)
    stated = [name for name in ("known_at", "published_at", "reported_at") if name in values.columns]
    return values.with_columns(known_at=pl.coalesce(*stated, assumed))
