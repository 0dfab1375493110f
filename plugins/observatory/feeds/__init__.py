"""Feeds: one module per protocol, each yielding chunks of rows of a window as the source delivers them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.feeds.base import Feed
    from observatory.territory import Territory


def open_feed(territory: Territory, feed_id: str, **options: Any) -> Feed:
    """The feed of a city, ready to read.

    Args:
        territory: the city.
        feed_id: one of its feeds.
        options: what the protocol's feed takes beyond its settings, such as ``patience``.
    """
    # the schedules import the settings beside these modules, and must not wait for polars and dlt
    feed = territory.feeds[feed_id]
    if feed.protocol == "socrata":
        from observatory.feeds.socrata import SocrataFeed

        return SocrataFeed(territory.code, feed, **options)
    from observatory.feeds.file import FileFeed

    return FileFeed(territory.code, feed, **options)
