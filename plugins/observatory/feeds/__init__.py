"""Feeds: one module per protocol, whose reader yields the rows of a window as the source delivers them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.feeds.base import Reader
    from observatory.records.feed_window import FeedWindow


def open_reader(feed_window: FeedWindow, **options: Any) -> Reader:
    """The reader of a feed's protocol for one window.

    Args:
        feed_window: the feed and the window to read.
        options: further arguments of the reader, such as ``patience``.

    Raises:
        TerritoryError: the territory file maps columns that the kind's contract does not have, or lacks required ones.
    """
    # DAG files import the sources' settings; they must not import polars and dlt with them
    from observatory.records.mapping import require_mapping

    require_mapping(feed_window.plan)
    module, _, reader = feed_window.feed.source.reader.partition(":")
    return getattr(import_module(module), reader)(feed_window, **options)
