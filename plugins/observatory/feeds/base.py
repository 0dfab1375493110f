"""The base class of all readers, and the check that a source still has the columns its territory file names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar, cast
from zoneinfo import ZoneInfo

import polars as pl

from observatory.contracts.parse import clock_of, moment
from observatory.errors import SourceChanged
from observatory.feeds.http.client import PATIENT, Patience
from observatory.privacy.columns import refused_at_the_door

if TYPE_CHECKING:
    from observatory.records.feed_window import FeedWindow
    from observatory.records.plan import Plan
    from observatory.territory.feed import FeedSettings
    from observatory.territory.sources import Source
    from observatory.window import Window

CHUNK_ROWS = 50_000

SourceT = TypeVar("SourceT", bound="Source")


@dataclass(frozen=True)
class Reader(Generic[SourceT]):
    """Reads one window of one feed; each protocol has a subclass with its own ``_frames``.

    Attributes:
        feed_window: the feed and the window to read.
        patience: how often and how long a server is asked before it counts as down.
        chunk_rows: maximum rows of a chunk.
    """

    feed_window: FeedWindow
    _: KW_ONLY
    patience: Patience = PATIENT
    chunk_rows: int = CHUNK_ROWS

    def read(self) -> Iterator[pl.DataFrame]:
        """Yield the rows of the window; a feed whose records have no time yields all of them in any window.

        Yields:
            The source columns that the territory file names, shape (n, columns), at most ``chunk_rows`` rows at a time;
            nothing if there are no rows.

        Raises:
            SourceUnavailable: the source does not respond; a later retry may succeed.
            SourceChanged: its response does not match the territory file.
            SecretMissing: the variable that holds a token, key or password is not set.
        """
        yield from within(self.feed_window, resized(self._frames(), self.chunk_rows))

    def _frames(self) -> Iterator[pl.DataFrame]:
        """The source's rows with the feed's ``read_columns``, in frames of any size."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """City, feed and window, for errors."""
        return str(self.feed_window)

    @property
    def plan(self) -> Plan:
        """The feed's plan."""
        return self.feed_window.plan

    @property
    def feed(self) -> FeedSettings:
        """The feed's settings in the territory file."""
        return self.feed_window.feed

    @property
    def source(self) -> SourceT:
        """The feed's source."""
        return cast("SourceT", self.feed.source)

    @property
    def window(self) -> Window:
        """The window to read."""
        return self.feed_window.window

    def _edges(self) -> tuple[datetime, datetime]:
        """Start and end of the window on the source's clock, without an offset.

        The clock is UTC if one of the feed's formats says so, e.g. by an offset.
        """
        clocks = {clock_of(form, self.feed, self.window.timezone) for form in self.feed.date_formats}
        clock = ZoneInfo("UTC" if "UTC" in clocks else self.window.timezone)
        start, end = (edge.astimezone(clock).replace(tzinfo=None) for edge in (self.window.start, self.window.end))
        return start, end


def require_columns(subject: str, plan: Plan, delivered: Collection[str], *, are_all: bool) -> None:
    """Refuse a response that lacks a column the territory file names; the error lists missing and new columns.

    Args:
        subject: feed and window, for the error.
        plan: the feed's plan.
        delivered: names of the source's columns.
        are_all: whether ``delivered`` is the source's own list of columns. If not, it was collected from rows that omit
            empty values: a column then counts as missing only if it is never empty or a new column has appeared.

    Raises:
        SourceChanged: a column is missing, or there are columns that the kind refuses.
    """
    feed, contract = plan.feed, plan.contract
    if contract.refuses_traces and (traces := refused_at_the_door(delivered)):
        raise SourceChanged(
            subject,
            found=f"columns that may contain images, tracks, faces or plates: {traces}",
            redacted="columns that may contain images, tracks, faces or plates",
            expected=f"only the metadata of a {feed.kind}",
            action=f"Nothing was kept. Ask {feed.owner} to stop sending them.",
        )
    missing = [source for source in feed.read_columns if source not in delivered]
    new = sorted(set(delivered) - set(feed.read_columns) - set(feed.ignored_columns))
    never_empty = {source for name in contract.required for source in feed.sources_of(name)} & set(missing)
    if not missing or not (are_all or new or never_empty):
        return
    raise SourceChanged(
        subject,
        found=f"columns {missing} are missing, columns {new} are new",
        redacted=f"columns {missing} are missing",
        expected=f"the columns {list(feed.read_columns)}",
        action=f"If the source renamed a column, correct feeds.{feed.feed_id}.columns in {feed.territory_file}; "
        f"else ask {feed.owner}.",
    )


def within(feed_window: FeedWindow, chunks: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Keep the rows whose time lies in the window and whose values ``where`` allows, if the source cannot filter.

    Rows of a kind without a time, and those of an inbox, lie in every window. A row with an unreadable time goes with
    the row before it, so that exactly one window reads it and rejects it.

    Args:
        feed_window: the feed and the window.
        chunks: rows with the feed's ``read_columns``.

    Yields:
        The chunks without the other rows; no empty ones.
    """
    feed, window = feed_window.feed, feed_window.window
    before: datetime | None = None
    columns = () if feed.source.is_inbox else feed_window.plan.time_sources
    for chunk in chunks:
        rows = chunk
        if columns:
            read = rows.select(moment(columns, rows.schema[columns[0]], feed, window.timezone)).to_series()
            # rows at the head of a file go with the first readable row; if no row is readable, the date format has
            # changed, and every window must fail with it
            times = pl.concat([pl.Series([before], dtype=read.dtype), read]).forward_fill().backward_fill()
            before = times[-1]
            is_inside = times[1:].fill_null(window.start).is_between(window.start, window.end, closed="left")
            rows = rows.filter(is_inside)
        for column, allowed in feed.where.items():
            rows = rows.filter(pl.col(column).cast(pl.String).is_in(list(allowed)))
        if not rows.is_empty():
            yield rows


def resized(frames: Iterator[pl.DataFrame], chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Combine small frames and slice large ones, because checking and loading each chunk has a fixed cost."""
    kept: list[pl.DataFrame] = []
    height = 0
    for piece in (piece for frame in frames for piece in frame.iter_slices(chunk_rows)):
        if kept and height + piece.height > chunk_rows:
            yield pl.concat(kept)
            kept, height = [], 0
        if piece.height:
            kept.append(piece)
            height += piece.height
    if kept:
        yield pl.concat(kept)
