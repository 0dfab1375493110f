"""Parse source columns as texts, numbers, booleans and times, by polars expressions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from observatory.kinds import KINDS
from observatory.window import local_midnight

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings

_FIRST, _LAST = datetime(1800, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Limits of times and days of what stands for years, such as a zone or a school."""
_CALENDAR_STEP = {"day": "1d", "month": "1mo", "year": "1y"}
_BLANKS = r"[\s\u{a0}\u{202f}]"
_OFFSET = re.compile(r"%[:#]*z")
_LITERAL_OFFSET = re.compile(r"(?<=[SfMHp])\s?(?:Z|UTC|GMT|[+-]00:?00)$")
_DIRECTIVE = re.compile(r"%(?:[:#]*z|\.?\d?f|[-_0]?[A-Za-z%])|.", re.DOTALL)
_HOUR = re.compile(r"%[-_0]?[HIklsTRcrX]")
_WIDTHS = {"%Y": 4, "%y": 2, "%m": 2, "%d": 2, "%H": 2, "%I": 2, "%M": 2, "%S": 2, "%j": 3}
_TRUE, _FALSE = ["true", "t", "1", "yes", "oui", "vrai"], ["false", "f", "0", "no", "non", "faux"]
_SECONDS_SINCE_1970, _MILLISECONDS_SINCE_1970 = "%s", "%s%3f"


def source_text(column: str) -> pl.Expr:
    """A column as the source wrote it, without outer spaces; null where it is empty."""
    # PostgreSQL's type text cannot store the character NUL
    value = pl.col(column).cast(pl.String).str.replace_all("\0", "", literal=True).str.strip_chars()
    return pl.when(value != "").then(value).alias(column)


def text(*columns: str) -> pl.Expr:
    """A column as text without outer spaces, several joined by a space; null where one is empty.

    A whole number that was written as a decimal (``101.0``) becomes ``101``: spreadsheets and nullable columns of
    numbers write identifiers and codes like that.
    """
    filled = [_whole(source_text(name)) for name in columns]
    return (filled[0] if len(filled) == 1 else pl.concat_str(filled, separator=" ")).alias(columns[0])


def time_text(*columns: str) -> pl.Expr:
    """The texts of a time, several joined by a space; null where all are empty.

    Where only the column of the day has a value, the text is that day.
    """
    filled = [_whole(source_text(name)) for name in columns]
    joined = pl.concat_str(filled, separator=" ", ignore_nulls=True)
    return pl.when(pl.any_horizontal(value.is_not_null() for value in filled)).then(joined).alias(columns[0])


def _whole(value: pl.Expr) -> pl.Expr:
    return value.map_batches(_without_zero_fraction, return_dtype=pl.String, is_elementwise=True)


def _without_zero_fraction(values: pl.Series) -> pl.Series:
    if not values.str.ends_with(".0").any():
        return values
    return values.str.replace(r"^(-?\d+)\.0$", "$1")


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

    Times that are not plausible for the kind, such as 1900-01-01 for an incident, are placeholders or mistakes, and
    count as unreadable.

    Args:
        columns: names of the columns; the texts of several are joined by a space.
        dtype: type of the first column; texts are parsed by the first of the feed's ``date_formats`` that fits.
        feed: states the source's clock and formats.
        timezone: the city's IANA time zone.
    """
    if len(columns) == 1 and isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return _plausible(pl.col(columns[0]).dt.cast_time_unit("us").dt.convert_time_zone("UTC"), feed, timezone)
    if len(columns) == 1 and dtype.is_temporal():
        clock = "UTC" if feed.clock == "utc" else timezone
        return _plausible(to_utc(pl.col(columns[0]).cast(pl.Datetime("us")), clock), feed, timezone)
    return written_moment(time_text(*columns), feed, timezone)


def written_moment(written: pl.Expr, feed: FeedSettings, timezone: str) -> pl.Expr:
    """Parse texts as times in UTC, by the first of the feed's ``date_formats`` that fits."""
    return _plausible(pl.coalesce(_parsed(written, form, feed, timezone) for form in feed.date_formats), feed, timezone)


def precision(written: pl.Expr, feed: FeedSettings, timezone: str) -> pl.Expr | None:
    """The precision of times: ``day`` where only a format without an hour fits, else that of the feed.

    Returns:
        None if either all formats of the feed have an hour, or none has.
    """
    with_hour = [form for form in feed.date_formats if _HOUR.search(form)]
    if not with_hour or len(with_hour) == len(feed.date_formats):
        return None
    has_hour = pl.coalesce(_parsed(written, form, feed, timezone) for form in with_hour).is_not_null()
    return pl.when(has_hour).then(pl.lit(feed.occurred_precision)).otherwise(pl.lit("day"))


def clock_of(form: str, feed: FeedSettings, timezone: str) -> str:
    """Time zone in which the source writes times of a format, if its values state no offset of their own."""
    if form in (_SECONDS_SINCE_1970, _MILLISECONDS_SINCE_1970):
        return timezone if feed.clock == "local" else "UTC"
    return "UTC" if feed.clock == "utc" or _OFFSET.search(form) or _LITERAL_OFFSET.search(form) else timezone


def plausible_range(feed: FeedSettings, timezone: str) -> tuple[datetime, datetime]:
    """First (inclusive) and last (exclusive) time in UTC that a record of the feed may have."""
    kind = KINDS[feed.kind]
    if kind.time_column is None:
        return _FIRST, _LAST
    begins = min(filter(None, (kind.plausible_from, feed.history_start)))
    return local_midnight(begins, timezone), datetime.now(UTC) + timedelta(days=kind.plausible_ahead_days)


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


def _plausible(read: pl.Expr, feed: FeedSettings, timezone: str) -> pl.Expr:
    first, last = plausible_range(feed, timezone)
    return pl.when(read.is_between(first, last, closed="left")).then(read)


def _parsed(written: pl.Expr, form: str, feed: FeedSettings, timezone: str) -> pl.Expr:
    if form in (_SECONDS_SINCE_1970, _MILLISECONDS_SINCE_1970):
        scale = 1_000_000 if form == _SECONDS_SINCE_1970 else 1_000
        elapsed = (written.cast(pl.Float64, strict=False) * scale).round().cast(pl.Int64, strict=False)
        return to_utc(elapsed.cast(pl.Datetime("us")), clock_of(form, feed, timezone))
    if _OFFSET.search(form):
        # polars returns UTC, and reads no Z
        return _padded(written.str.replace("[zZ]$", "+0000"), form).str.to_datetime(form, strict=False, time_unit="us")
    clock_time = _padded(written, form).str.to_datetime(form, strict=False, time_unit="us")
    return to_utc(clock_time, clock_of(form, feed, timezone))


def _padded(written: pl.Expr, form: str) -> pl.Expr:
    """Restore the zeros that numbers lose at their head, where a format has digits without a separator, e.g. ``%H%M``.

    Without them ``130`` is read as 13:00 instead of 01:30.
    """
    groups, widths = [""], list[int]()
    directives = _DIRECTIVE.findall(form)
    run: list[str] = []
    for directive in [*directives, ""]:
        if directive in _WIDTHS:
            run.append(directive)
            continue
        if len(run) > 1:
            widths.append(sum(_WIDTHS[name] for name in run))
            groups += [rf"\d{{1,{widths[-1]}}}", ""]
        elif run:
            groups[-1] += r"[+-]?\d+"
        run = []
        groups[-1] += r".*?" if directive.startswith("%") else r"\s*" if directive.isspace() else re.escape(directive)
    if not widths:
        return written
    found = written.str.extract_groups("^" + "".join(f"({group})" for group in groups) + "$").struct
    parts = [found.field(str(number)) for number in range(1, len(groups) + 1)]
    return pl.concat_str(part.str.zfill(widths[place // 2]) if place % 2 else part for place, part in enumerate(parts))
