"""Check records against their contract, and explain why a record is rejected."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

from observatory.contracts import parse
from observatory.contracts.base import UNUSABLE
from observatory.records.location import GEOMETRY
from observatory.records.plan import DEGREES, IN_BOUNDS

if TYPE_CHECKING:
    from observatory.records.plan import Plan

REJECTED = {
    "source_record_id": pl.String,
    "column_name": pl.String,
    "check_name": pl.String,
    "value": pl.String,
    "reason": pl.String,
    "row_data": pl.String,
}
_PRESENT, _READABLE, _NOT_ZERO = "present", "readable", "not (0, 0)"
_LONGEST_VALUE = 120


@dataclass(frozen=True)
class Checked:
    """The result of a check.

    Attributes:
        accepted: records that meet the contract; the kind's columns.
        rejected: one row per record that does not, with its first failure; columns of ``REJECTED``.
        outside: identifiers of the records outside the city's bounds, if the feed drops them (String).
    """

    accepted: pl.DataFrame
    rejected: pl.DataFrame
    outside: pl.Series = field(default_factory=partial(pl.Series, dtype=pl.String))


def check(rows: pl.DataFrame, conformed: pl.DataFrame, plan: Plan) -> Checked:
    """Separate the records that meet the contract from those that do not, and from those to drop outside the city.

    Args:
        rows: the chunk as minimised, shape (n, any).
        conformed: the result of ``conform``, shape (n, kind's columns + 1).
        plan: the contract; the city, in whose bounds a point must lie; the feed's settings, for the reasons.
    """
    is_outside = _outside(conformed, plan)
    outside = conformed.filter(is_outside)["source_record_id"]
    if outside.len():
        rows, conformed = rows.filter(~is_outside), conformed.filter(~is_outside)
    records = conformed.select(plan.contract.columns)
    failures = pl.concat([_unusable(conformed), _broken(plan.schema, records)])
    if failures.is_empty():
        return Checked(records, pl.DataFrame(schema=REJECTED), outside)
    # a derived column fails because of a delivered one, so the delivered column is reported
    delivered_first = failures.sort(pl.col("column_name").is_in([*plan.sources]), descending=True, maintain_order=True)
    first = delivered_first.unique("index", keep="first", maintain_order=True).sort("index")
    wrong = first["index"]
    rejected = _described(first, rows[wrong], records[wrong], plan)
    kept = ~pl.int_range(records.height, eager=True, dtype=pl.UInt32).is_in(wrong.implode())
    return Checked(records.filter(kept), rejected, outside)


def summarise(rejected: pl.DataFrame, read_count: int | None = None) -> str:
    """The failures in one line, most frequent first: ``latitude_deg: in bounds (3 of 200 rows, e.g. 999.0); …``.

    Args:
        rejected: rejected records of any number of chunks.
        read_count: how many records were read; omitted from the line if None.
    """
    total = "" if read_count is None else f" of {read_count}"
    causes = (
        rejected.group_by("column_name", "check_name", maintain_order=True)
        .agg(pl.len().alias("count"), pl.col("value").drop_nulls().first().alias("example"))
        .sort("count", descending=True, maintain_order=True)
    )
    return "; ".join(
        f"{column}: {check} ({count}{total} rows{f', e.g. {example}' if example is not None else ''})"
        for column, check, count, example in causes.iter_rows()
    )


def _outside(conformed: pl.DataFrame, plan: Plan) -> pl.Series:
    """Whether a record's location is readable and outside the bounds of a city whose feed drops such records.

    The placeholder (0, 0) is no location: it is rejected.
    """
    if plan.feed.outside_bounds == "reject" or not {*DEGREES.values()} <= set(conformed.columns):
        return pl.repeat(False, conformed.height, dtype=pl.Boolean, eager=True)
    bounds, east, north = plan.territory.bounds, pl.col("longitude_deg"), pl.col("latitude_deg")
    is_inside = east.is_between(bounds.west, bounds.east) & north.is_between(bounds.south, bounds.north)
    is_location = east.is_finite() & north.is_finite() & ((east != 0) | (north != 0))
    return conformed.select((is_location & ~is_inside).fill_null(value=False).alias("is_outside")).to_series()


def _unusable(conformed: pl.DataFrame) -> pl.DataFrame:
    found = conformed.select(index=pl.int_range(pl.len(), dtype=pl.UInt32), column_name=pl.col(UNUSABLE))
    return found.drop_nulls("column_name").with_columns(check_name=pl.lit(_READABLE))


def _broken(schema: pa.DataFrameSchema, records: pl.DataFrame) -> pl.DataFrame:
    """Row number, column and check of every failure, in the order of columns and checks."""
    try:
        schema.validate(records, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
        if cases["index"].has_nulls():
            raise  # an error in conform, not in the source: it returned other columns or types than the contract's
        return cases.select(
            pl.col("index").cast(pl.UInt32),
            pl.col("column").alias("column_name"),
            pl.col("check").replace({"not_nullable": _PRESENT}).alias("check_name"),
        )
    return pl.DataFrame(schema={"index": pl.UInt32, "column_name": pl.String, "check_name": pl.String})


def _described(failures: pl.DataFrame, rows: pl.DataFrame, records: pl.DataFrame, plan: Plan) -> pl.DataFrame:
    """Add a reason to each failure; all three frames have one row per rejected record."""
    sources = plan.checked_sources
    several = {column: names for column, names in sources.items() if len(names) > 1}
    if {*DEGREES.values()} <= set(records.columns):
        is_zero = records.select((pl.col("longitude_deg") == 0) & (pl.col("latitude_deg") == 0)).to_series()
        name = pl.when(is_zero & (pl.col("check_name") == IN_BOUNDS)).then(pl.lit(_NOT_ZERO)).otherwise("check_name")
        failures = failures.with_columns(name.alias("check_name"))
    failures = failures.with_columns(pl.col("column_name").replace(DEGREES))
    causes = failures.select("column_name", "check_name").unique(maintain_order=True)
    words = [_words(column, check, plan) for column, check in causes.iter_rows()]
    causes = causes.with_columns(
        pl.Series(
            "source", [", ".join(sources.get(column, ())) or None for column in causes["column_name"]], dtype=pl.String
        ),
        pl.Series("expected", [expected for expected, _ in words], dtype=pl.String),
        pl.Series("action", [action for _, action in words], dtype=pl.String),
    )
    table = pl.concat(
        [
            failures.join(causes, on=["column_name", "check_name"], how="left", maintain_order="left"),
            records.select("source_record_id"),
            rows.select(
                pl.concat_str([parse.source_text(name) for name in names], separator=" ", ignore_nulls=True).alias(
                    f"source {column}"
                )
                for column, names in sources.items()
            ),
            rows.select(
                pl.concat_str(
                    [pl.when(parse.source_text(name).is_null()).then(pl.lit(name)) for name in names],
                    separator=", ",
                    ignore_nulls=True,
                ).alias(f"empty {column}")
                for column, names in several.items()
            ),
            rows.select(row_data=pl.struct(parse.source_text(source) for source in rows.columns).struct.json_encode()),
        ],
        how="horizontal",
    )
    written = pl.coalesce(
        pl.lit(None, pl.String),
        *(pl.when(pl.col("column_name") == column).then(pl.col(f"source {column}")) for column in sources),
    )
    empty = pl.coalesce(
        pl.lit(None, pl.String),
        *(pl.when(pl.col("column_name") == column).then(pl.col(f"empty {column}")) for column in several),
        pl.lit(""),
    )
    value = pl.when(written != "").then(written).str.head(_LONGEST_VALUE)
    found = (
        pl.when(pl.col("value").is_null())
        .then(pl.lit("is missing"))
        .otherwise(
            pl.format(
                "is '{}'{}",
                pl.col("value").str.replace_all(r"\s+", " "),
                pl.when(empty != "").then(pl.format(", {} is empty", empty)).otherwise(pl.lit("")),
            )
        )
    )
    return (
        table.with_columns(value=value)
        .with_columns(
            reason=pl.format(
                "{}: {} {}; expected {}. {}",
                pl.lit(str(plan)),
                pl.coalesce("source", "column_name"),
                found,
                "expected",
                "action",
            )
        )
        .select(*REJECTED)
    )


def _words(column: str, check: str, plan: Plan) -> tuple[str, str]:
    """What a check expects of a column, and what to do if it fails."""
    feed, bounds = plan.feed, plan.territory.bounds
    correct = f"Correct feeds.{feed.feed_id}"
    match check:
        case "readable":
            expected, keys = _readable(column, plan)
            action = f"{correct}.{keys} in {feed.territory_file}"
        case check if check == _NOT_ZERO:
            expected = "a location, or no value where it is unknown"
            action = f"Map 0 to null under feeds.{feed.feed_id}.values in {feed.territory_file}"
        case check if check == IN_BOUNDS:
            low, high = (bounds.west, bounds.east) if column == "longitude_deg" else (bounds.south, bounds.north)
            expected, action = f"{column} between {low} and {high}", f"Correct bounds in {feed.territory_file}"
        case "present":
            expected, action = "a value", f"{correct}.columns in {feed.territory_file}"
        case _:
            expected, action = check, f"{correct} in {feed.territory_file}"
    return expected, f"{action}, or ask {feed.owner} to correct the record."


def _readable(column: str, plan: Plan) -> tuple[str, str]:
    """The expected form of a column's values, and the keys of the feed that declare the source's form."""
    dtype = plan.contract.dtype(column)
    if column in ("longitude_deg", "latitude_deg", "point"):
        return "a number, beside the other coordinate's", "columns or decimal_comma"
    if column == GEOMETRY:
        return "an area or a line, longitude first", "columns or coordinates"
    if dtype == pl.Boolean():
        return "yes or no", "values"
    if dtype.is_numeric():
        least = {**plan.contract.least_count, **plan.feed.least_count}.get(column)
        return f"a number of at least {least}" if least else "a number", "columns, values or decimal_comma"
    feed, timezone = plan.feed, plan.territory.timezone
    first, last = (edge.astimezone(ZoneInfo(timezone)) for edge in parse.plausible_range(feed, timezone))
    expected = f"a time written as {' or '.join(feed.date_formats)} that exists in the time zone {timezone}"
    return f"{expected}, between {first:%Y-%m-%d} and {last:%Y-%m-%d}", "date_formats"
