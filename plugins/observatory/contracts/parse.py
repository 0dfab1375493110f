"""Reading what a source wrote: texts, numbers and moments, as expressions over whole columns."""

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
    """The column as text without outer blanks, several joined by a blank; null where nothing is left of one."""
    # PostgreSQL's text cannot hold the character NUL
    stripped = [
        pl.col(name).cast(pl.String).str.replace_all("\0", "", literal=True).str.strip_chars() for name in columns
    ]
    filled = [pl.when(value != "").then(value) for value in stripped]
    return (filled[0] if len(filled) == 1 else pl.concat_str(filled, separator=" ")).alias(columns[0])


def number(written: pl.Expr, dtype: pl.DataType, *, decimal_comma: bool = False) -> pl.Expr:
    """A number as it is stored or written; null where it is empty, not finite, or has a fraction and may have none.

    Args:
        written: the source's values.
        dtype: type wanted.
        decimal_comma: whether text has ``1 045,5`` for 1045.5, with any kind of blank.
    """
    digits = written.cast(pl.String)
    if decimal_comma:
        digits = digits.str.replace_all(_BLANKS, "").str.replace(",", ".", literal=True)
    value = digits.cast(pl.Float64, strict=False)
    is_usable = value.is_finite() if dtype.is_float() else value.is_finite() & (value == value.round())
    return pl.when(is_usable).then(value).cast(dtype, strict=False)


def truth(written: pl.Expr) -> pl.Expr:
    """Yes or no, in the words of French and English sources; null where it is neither."""
    word = written.cast(pl.String).str.to_lowercase()
    return pl.when(word.is_in(_TRUE)).then(pl.lit(value=True)).when(word.is_in(_FALSE)).then(pl.lit(value=False))


def moment(columns: Sequence[str], dtype: pl.DataType, feed: FeedSettings, timezone: str) -> pl.Expr:
    """The columns as a moment in UTC; null where it is empty, unreadable, or does not exist on the local clock.

    A moment before 1800 or after 2199 is a slip or a placeholder, and counts as unreadable.

    Args:
        columns: names of the columns; the texts of several are joined by a blank.
        dtype: type of the first; text is read by the feed's ``date_formats``, the first that fits.
        feed: which clock the source writes and how.
        timezone: the city's IANA time zone.
    """
    clock = timezone if feed.clock == "local" else "UTC"
    if len(columns) == 1 and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return _possible(pl.col(columns[0]).dt.cast_time_unit("us").dt.convert_time_zone("UTC"))
    if len(columns) == 1 and dtype.is_temporal():
        return _possible(to_utc(pl.col(columns[0]).cast(pl.Datetime("us")), clock))
    return written_moment(text(*columns), feed, clock)


def written_moment(written: pl.Expr, feed: FeedSettings, clock: str) -> pl.Expr:
    """Texts as moments in UTC, by the first of the feed's ``date_formats`` that fits."""
    return _possible(pl.coalesce(_parsed(written, form, clock) for form in feed.date_formats))


def day(written: pl.Expr, feed: FeedSettings) -> pl.Expr:
    """Texts as calendar days, by the first of the feed's ``date_formats`` that fits."""
    read = pl.coalesce(written.str.to_date(form, strict=False) for form in feed.date_formats)
    return pl.when(read.is_between(_FIRST.date(), _LAST.date(), closed="left")).then(read)


def to_utc(clock_time: pl.Expr, timezone: str) -> pl.Expr:
    """Clock time of a zone as UTC: an hour that comes twice is its first, one that does not exist is null."""
    zoned = clock_time.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def end_of(start: pl.Expr, precision: pl.Expr, timezone: str) -> pl.Expr:
    """The end of what a source means by ``start``: itself for a minute or second, else the end of that hour or day.

    The end is the first moment after it, so that a day whose clock changes lasts 23 or 25 hours.
    """
    local = start.dt.convert_time_zone(timezone).dt.replace_time_zone(None)
    # an hour lasts an hour, also the one before the clock is put on, whose end on the clock does not exist
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
    # an offset in the text makes polars answer in UTC at once
    return value if _OFFSET.search(form) else to_utc(value, clock)
