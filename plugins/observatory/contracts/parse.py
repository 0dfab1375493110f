"""Parse source columns as texts, numbers, booleans and times, by polars expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings

_FIRST, _LAST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
_CALENDAR_STEP = {"day": "1d", "month": "1mo", "year": "1y"}
_BLANKS = r"[\s\u{a0}\u{202f}]"
_OFFSET = re.compile(r"%[:#]*z")
_TRUE, _FALSE = ["true", "t", "1", "yes", "oui", "vrai"], ["false", "f", "0", "no", "non", "faux"]
_SECONDS_SINCE_1970, _MILLISECONDS_SINCE_1970 = "%s", "%s%3f"


def text(*columns: str) -> pl.Expr:
    """A column as text without outer spaces, several joined by a space; null where one is empty."""
    # PostgreSQL's type text cannot store the character NUL
    stripped = [
        pl.col(name).cast(pl.String).str.replace_all("\0", "", literal=True).str.strip_chars() for name in columns
    ]
    filled = [pl.when(value != "").then(value) for value in stripped]
    return (filled[0] if len(filled) == 1 else pl.concat_str(filled, separator=" ")).alias(columns[0])


def number(written: pl.Expr, dtype: pl.DataType, *, decimal_comma: bool = False) -> pl.Expr:
    """Parse numbers; null where a value is empty, not finite, or has a fraction although the type is an integer.

    Args:
        written: the source's values.
        dtype: type of the result.
        decimal_comma: whether texts are written ``1 045,5`` for 1045.5, with any kind of space.
    """
    digits = written.cast(pl.String)
    if decimal_comma:
        digits = digits.str.replace_all(_BLANKS, "").str.replace(",", ".", literal=True)
    value = digits.cast(pl.Float64, strict=False)
    is_usable = value.is_finite() if dtype.is_float() else value.is_finite() & (value == value.round())
    return pl.when(is_usable).then(value).cast(dtype, strict=False)


def boolean(written: pl.Expr) -> pl.Expr:
    """Parse booleans in the words of French and English sources; null for any other text."""
    word = written.cast(pl.String).str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(pl.lit(value=True)).when(word.is_in(_FALSE)).then(pl.lit(value=False))


def moment(columns: Sequence[str], dtype: pl.DataType, feed: FeedSettings, timezone: str) -> pl.Expr:
    """Parse times to UTC; null where a value is empty, unreadable, or does not exist in the local time zone.

    Times before 1800 or after 2199 are mistakes or placeholders, and count as unreadable.

    Args:
        columns: names of the columns; the texts of several are joined by a space.
        dtype: type of the first column; texts are parsed by the first of the feed's ``date_formats`` that fits.
        feed: states the source's clock and formats.
        timezone: the city's IANA time zone.
    """
    clock = timezone if feed.clock == "local" else "UTC"
    if len(columns) == 1 and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return _possible(pl.col(columns[0]).dt.cast_time_unit("us").dt.convert_time_zone("UTC"))
    if len(columns) == 1 and dtype.is_temporal():
        return _possible(to_utc(pl.col(columns[0]).cast(pl.Datetime("us")), clock))
    return written_moment(text(*columns), feed, clock)


def written_moment(written: pl.Expr, feed: FeedSettings, clock: str) -> pl.Expr:
    """Parse texts as times in UTC, by the first of the feed's ``date_formats`` that fits."""
    return _possible(pl.coalesce(_parsed(written, form, clock) for form in feed.date_formats))


def day(written: pl.Expr, feed: FeedSettings) -> pl.Expr:
    """Parse texts as calendar days, by the first of the feed's ``date_formats`` that fits."""
    read = pl.coalesce(written.str.to_date(form, strict=False) for form in feed.date_formats)
    return pl.when(read.is_between(_FIRST.date(), _LAST.date(), closed="left")).then(read)


def to_utc(clock_time: pl.Expr, timezone: str) -> pl.Expr:
    """Convert local time to UTC: of an hour that occurs twice the first, of one that does not exist null."""
    zoned = clock_time.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def end_of(start: pl.Expr, precision: pl.Expr, timezone: str) -> pl.Expr:
    """The end (exclusive) of the period that starts at ``start`` and has the given precision.

    For seconds and minutes it is ``start`` itself; otherwise the end of that hour, local day, month or year. A day on
    which the clock changes lasts 23 or 25 hours.
    """
    local = start.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    # computed in UTC: the local end of the hour before the clock is put forward does not exist
    end = pl.when(precision == "hour").then(start.dt.offset_by("1h")).otherwise(start)
    for name, step in _CALENDAR_STEP.items():
        end = pl.when(precision == name).then(to_utc(local.dt.offset_by(step), timezone)).otherwise(end)
    return end


def _possible(read: pl.Expr) -> pl.Expr:
    return pl.when(read.is_between(_FIRST, _LAST, closed="left")).then(read)


def _parsed(written: pl.Expr, form: str, clock: str) -> pl.Expr:
    if form in (_SECONDS_SINCE_1970, _MILLISECONDS_SINCE_1970):
        scale = 1_000_000 if form == _SECONDS_SINCE_1970 else 1_000
        elapsed = (written.cast(pl.Float64, strict=False) * scale).round().cast(pl.Int64, strict=False)
        return elapsed.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    value = written.str.to_datetime(form, strict=False, time_unit="us")
    # with an offset in the format, polars returns UTC
    return value if _OFFSET.search(form) else to_utc(value, clock)
