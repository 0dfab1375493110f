"""Contracts: one module per record kind, and the way from a source's rows to records that keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observatory.contracts import cell, incident, zone
from observatory.contracts.base import Kind, Ordinals, row_hash
from observatory.contracts.check import REJECTED, Checked, check_records, summarise

if TYPE_CHECKING:
    import polars as pl

    from observatory.territory import Territory

KINDS: dict[str, Kind] = {kind.name: kind for kind in (incident.KIND, zone.KIND, cell.KIND)}

__all__ = ["KINDS", "REJECTED", "Checked", "Kind", "Ordinals", "check", "conform", "row_hash", "summarise"]


def conform(rows: pl.DataFrame, territory: Territory, feed_id: str, ordinals: Ordinals | None = None) -> pl.DataFrame:
    """Turn a chunk of a feed's rows into records of its kind; row i is made of row i.

    Args:
        rows: the chunk as the feed delivered it, shape (n, any).
        territory: the city.
        feed_id: one of its feeds.
        ordinals: the same object for all chunks of one window, so that equal rows without identifiers are told apart.

    Returns:
        The kind's columns and ``unusable_column``; nothing is left out, ``check`` decides.
    """
    feed, ordinals = territory.feeds[feed_id], ordinals or Ordinals()
    if feed.kind == "zone":
        return zone.conform(rows, territory, feed)
    return incident.conform(rows, territory, feed, ordinals)


def check(rows: pl.DataFrame, conformed: pl.DataFrame, territory: Territory, feed_id: str) -> Checked:
    """Divide a chunk into accepted and rejected records.

    Args:
        rows: the chunk as the feed delivered it.
        conformed: what ``conform`` made of it.
        territory: the city.
        feed_id: one of its feeds.
    """
    feed = territory.feeds[feed_id]
    return check_records(KINDS[feed.kind], rows, conformed, territory, feed)
