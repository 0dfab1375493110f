"""The one shape every feed has, and the check that a source still has the columns its territory file names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

import polars as pl

from observatory.contracts import CONTRACTS
from observatory.contracts.parse import moment
from observatory.errors import SourceChanged
from observatory.kinds import KINDS
from observatory.privacy.columns import refused_at_the_door

if TYPE_CHECKING:
    from observatory.territory.feed import FeedSettings
    from observatory.window import Window

CHUNK_ROWS = 50_000


class Feed(Protocol):
    """A source of rows."""

    def read(self, window: Window) -> Iterator[pl.DataFrame]:
        """Yield the rows of a window as the source delivers them, in chunks of at most ``CHUNK_ROWS``.

        Args:
            window: local days; a feed whose records have no time yields all of them in any window.

        Yields:
            The source columns that the territory file names, shape (n, columns); no chunk when there are no rows.

        Raises:
            SourceUnavailable: the source does not answer; a later retry may succeed.
            SourceChanged: it answers something else than the territory file says.
        """
        ...


def require_columns(where: str, feed: FeedSettings, delivered: Collection[str], *, are_all: bool) -> None:
    """Refuse an answer without a column the territory file names, naming what is missing and what is new.

    Args:
        where: feed and window, for the message.
        feed: what the territory file says.
        delivered: names of the source's columns.
        are_all: whether ``delivered`` is the source's own list. If not, they were seen in rows that leave out empty
            values: a column may then be missing for want of values, unless it never is empty or a new one came.

    Raises:
        SourceChanged: a column is missing, or fields came that the kind refuses.
    """
    if CONTRACTS[feed.kind].refuses_traces and (traces := refused_at_the_door(delivered)):
        raise SourceChanged(
            where,
            found=f"fields that images, tracks, faces or plates come in: {traces}",
            redacted="fields that images, tracks, faces or plates come in",
            expected=f"metadata of a {feed.kind} alone",
            action=f"Nothing was kept. Ask {feed.owner} to stop sending them.",
        )
    missing = [source for source in feed.read_columns if source not in delivered]
    new = sorted(set(delivered) - set(feed.read_columns) - set(feed.ignored_columns))
    never_empty = {source for name in CONTRACTS[feed.kind].required for source in feed.sources_of(name)} & set(missing)
    if not missing or not (are_all or new or never_empty):
        return
    raise SourceChanged(
        where,
        found=f"columns {missing} are missing, columns {new} are new",
        redacted=f"columns {missing} are missing",
        expected=f"the columns {list(feed.read_columns)}",
        action=f"If the source renamed a column, correct feeds.{feed.feed_id}.columns in {feed.territory_file}; "
        f"else ask {feed.owner}.",
    )


def within(window: Window, chunks: Iterator[pl.DataFrame], feed: FeedSettings) -> Iterator[pl.DataFrame]:
    """Leave the rows that lie in the window and that ``where`` lets through, for sources that cannot be asked for them.

    Records that stand until further notice come whole in any window, and so does what partners send. A row whose time
    cannot be read goes with the row before it, so that it comes in exactly one window and is rejected there, not lost.

    Args:
        window: local days.
        chunks: rows with the feed's ``read_columns``.
        feed: which column is the time, and how it is written.

    Yields:
        The chunks less the other rows; none that is empty.
    """
    before: datetime | None = None
    is_cut = bool(KINDS[feed.kind].time_column and feed.window_sources and not feed.source.is_inbox)
    for chunk in chunks:
        rows = chunk
        if is_cut:
            columns = feed.window_sources
            read = rows.select(moment(columns, rows.schema[columns[0]], feed, window.timezone)).to_series()
            # the head of a file has nothing before it and goes with the first row that can be read; where there is
            # none, the dates are written in a new way, and every window must come to know
            times = pl.concat([pl.Series([before], dtype=read.dtype), read]).forward_fill().backward_fill()
            before = times[-1]
            is_inside = times[1:].fill_null(window.start).is_between(window.start, window.end, closed="left")
            rows = rows.filter(is_inside)
        for column, allowed in feed.where.items():
            rows = rows.filter(pl.col(column).cast(pl.String).is_in(list(allowed)))
        if not rows.is_empty():
            yield rows


def edges(window: Window, feed: FeedSettings) -> tuple[datetime, datetime]:
    """The window's first moment and the first after it, on the clock that the source writes, without an offset.

    A source that writes an offset, or seconds since 1970, is asked in UTC.
    """
    tells_offset = any("z" in form or form.startswith("%s") for form in feed.date_formats)
    clock = ZoneInfo(window.timezone if feed.clock == "local" and not tells_offset else "UTC")
    start, end = (moment.astimezone(clock).replace(tzinfo=None) for moment in (window.start, window.end))
    return start, end
