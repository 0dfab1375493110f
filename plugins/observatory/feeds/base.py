"""The one shape every feed has, and the check that a source still has the columns its territory file names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Protocol

import polars as pl

from observatory.errors import SourceChanged

if TYPE_CHECKING:
    from observatory.feeds.settings import FeedSettings
    from observatory.window import Window

CHUNK_ROWS = 50_000

_NEVER_EMPTY = ("source_record_id", "occurred_from", "source_category_code")


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
        SourceChanged: a column is missing.
    """
    missing = [source for source in feed.columns.values() if source not in delivered]
    new = sorted(set(delivered) - set(feed.columns.values()) - set(feed.ignored_columns))
    never_empty = [name for name in _NEVER_EMPTY if feed.columns.get(name) in missing]
    if not missing or not (are_all or new or never_empty):
        return
    raise SourceChanged(
        where,
        came=f"columns {missing} are missing, columns {new} are new",
        expected=f"the columns {list(feed.columns.values())}",
        todo=f"If the source renamed a column, correct feeds.{feed.feed_id}.columns in {feed.territory_file}; "
        f"else ask {feed.owner}.",
    )
