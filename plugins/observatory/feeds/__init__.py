"""Feeds: one module per protocol, each yielding chunks of rows of a window as the source delivers them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.feeds.base import Feed
    from observatory.territory.city import Territory


def open_feed(territory: Territory, feed_id: str, **options: Any) -> Feed:
    """The feed of a city, ready to read.

    Args:
        territory: the city.
        feed_id: one of its feeds.
        options: what the protocol's feed takes beyond its settings, such as ``patience``.

    Raises:
        TerritoryError: the file maps columns that the kind's contract does not have, or lacks some that it needs.
    """
    # the schedules import the settings beside these modules, and must not wait for polars and dlt
    from observatory.records.mapping import require_mapping

    feed = territory.feeds[feed_id]
    require_mapping(feed)
    module, _, reader = feed.source.reader.partition(":")
    return getattr(import_module(module), reader)(territory.code, feed, **options)
