"""Reading what a source wrote: texts, numbers and moments, as expressions over whole columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from observatory.feeds.settings import IncidentFeed

_CALENDAR_STEP = {"hour": "1h", "day": "1d", "month": "1mo", "year": "1y"}


def text(column: str) -> pl.Expr:
    """The column as text without outer blanks; null where nothing is left."""
    # PostgreSQL's text cannot hold the character NUL
    stripped = pl.col(column).cast(pl.String).str.replace_all("\0", "", literal=True).str.strip_chars()
    return pl.when(stripped != "").then(stripped).alias(column)


def number(column: str, dtype: pl.DataType, *, decimal_comma: bool = False) -> pl.Expr:
    """The column as float; null where it is empty or not a finite number.

    Args:
        column: name of the column.
        dtype: its type.
        decimal_comma: whether text has ``1 045,5`` for 1045.5, with any kind of blank.
    """
    digits = text(column)
    if decimal_comma:
        digits = digits.str.replace_all(r"[\s\u{a0}\u{202f}]", "").str.replace(",", ".", literal=True)
    value = (pl.col(column) if dtype.is_numeric() else digits).cast(pl.Float64, strict=False)
    return pl.when(value.is_finite()).then(value)


def moment(column: str, dtype: pl.DataType, feed: IncidentFeed, timezone: str) -> pl.Expr:
    """The column as a moment in UTC; null where it is empty, unreadable, or does not exist on the local clock.

    Args:
        column: name of the column.
        dtype: its type; text is read by the feed's ``date_formats``, the first that fits.
        feed: which clock the source writes and how.
        timezone: the city's IANA time zone.
    """
    clock = timezone if feed.clock == "local" else "UTC"
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return pl.col(column).dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    if dtype.is_temporal():
        return to_utc(pl.col(column).cast(pl.Datetime("us")), clock)
    return pl.coalesce(_parsed(column, form, clock) for form in feed.date_formats)


def to_utc(clock_time: pl.Expr, timezone: str) -> pl.Expr:
    """Clock time of a zone as UTC: an hour that comes twice is its first, one that does not exist is null."""
    zoned = clock_time.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def end_of(start: pl.Expr, precision: str, timezone: str) -> pl.Expr:
    """The end of what a source means by ``start``: itself for a minute or second, else the end of that hour or day.

    The end is the first moment after it, so that a day whose clock changes lasts 23 or 25 hours.
    """
    if precision not in _CALENDAR_STEP:
        return start
    local = start.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    return to_utc(local.dt.offset_by(_CALENDAR_STEP[precision]), timezone)


def _parsed(column: str, form: str, clock: str) -> pl.Expr:
    value = text(column).str.to_datetime(form, strict=False, time_unit="us")
    # an offset in the text makes polars answer in UTC at once
    return value if "%z" in form or "%#z" in form else to_utc(value, clock)
