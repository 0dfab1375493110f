"""Feeds: one module per protocol, each yielding chunks of rows of a window as the source delivers them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from observatory.feeds.base import Feed
    from observatory.records.plan import Plan


def open_feed(plan: Plan, **options: Any) -> Feed:
    """The reader of a feed's protocol, ready to read.

    Args:
        plan: the city, the feed's settings and its contract.
        options: what the protocol's reader takes beyond them, such as ``patience``.

    Raises:
        TerritoryError: the file maps columns that the kind's contract does not have, or lacks some that it needs.
    """
    # the schedules import the settings beside these modules, and must not wait for polars and dlt
    from observatory.records.mapping import require_mapping

    require_mapping(plan)
    module, _, reader = plan.feed.source.reader.partition(":")
    return getattr(import_module(module), reader)(plan.territory.code, plan.feed, **options)
