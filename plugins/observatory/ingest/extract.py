"""Extract a window of a feed: the step that a person can run by hand and that Airflow runs as a task."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from observatory.contracts import KINDS
from observatory.errors import ContractBroken, ObservatoryError
from observatory.feeds import open_feed
from observatory.ingest import deliveries
from observatory.ingest.grid_cells import lay_grid
from observatory.records.admit import admit
from observatory.records.check import summarise
from observatory.records.feed_window import FeedWindow
from observatory.records.identity import Ordinals
from observatory.records.minimise import has_pseudonymous_key
from observatory.records.tolerance import tolerated_count
from observatory.territory.terms import require_live_terms
from observatory.warehouse.declarations import record_territory
from observatory.warehouse.journal import record_failure
from observatory.warehouse.load import Load, LoadResult, loading
from observatory.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from observatory.contracts.base import Kind
    from observatory.feeds.base import Feed
    from observatory.signals.load import SignalLoad
    from observatory.territory.city import Territory

log = logging.getLogger(__name__)


def extract(
    url: sa.URL,
    territory: Territory,
    feed_id: str,
    window: Window,
    *,
    is_part_of_history: bool = False,
    is_live: bool = False,
) -> LoadResult:
    """Read one window of one feed, check it, load it; a zone feed is followed by the grid it bounds.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        feed_id: one of its feeds.
        window: the local days to read.
        is_part_of_history: whether other windows follow, so that what this one no longer lists is closed after them.
        is_live: whether this is what a live run reads, which may be few records.

    Raises:
        ConventionNotLive: the records may not be loaded today; the source was not asked.
        TerritoryError: the feed maps columns that its kind's contract does not have.
        SecretMissing: it needs pseudonyms, and there is no secret to make them with.
        SourceUnavailable: the source does not answer; a later retry may succeed.
        SourceChanged: columns are missing or the answer is of another shape.
        ContractBroken: more records were rejected than the feed tolerates; nothing was loaded.
    """
    feed = territory.feeds[feed_id]
    loaded = feed_window(territory, feed_id, window)
    loaded = replace(loaded, is_part_of_history=is_part_of_history, is_live=is_live)
    record_territory(url, territory)
    try:
        require_live_terms(feed, datetime.now(ZoneInfo(territory.timezone)).date())
        if feed.source.is_inbox:
            result = deliveries.take(url, feed, loaded, partial(_extract, url, territory, feed_id, loaded))
        else:
            result = _extract(url, territory, feed_id, loaded)
    except ObservatoryError as error:
        record_failure(url, loaded, error)
        raise
    log.info("%s: %s", loaded, result)
    if feed.kind == "zone":
        lay_grid(url, territory, window)
    return result


def feed_window(territory: Territory, feed_id: str, window: Window) -> FeedWindow:
    """A window of a feed, as the load knows it."""
    feed = territory.feeds[feed_id]
    kind = KINDS[feed.kind]
    return FeedWindow(
        territory.code,
        feed_id,
        kind,
        window,
        is_complete=feed.is_complete,
        tolerated_withdrawal_share=feed.tolerated_withdrawal_share,
        has_pseudonymous_key=has_pseudonymous_key(kind, feed),
    )


def _opened(territory: Territory, feed_id: str, files: tuple[Path, ...] | None) -> Feed:
    if files is not None:
        return open_feed(territory, feed_id, files=files)
    if not territory.feeds[feed_id].source.has_messages:
        return open_feed(territory, feed_id)
    from observatory.text.tone import tone

    return open_feed(territory, feed_id, score=tone)


def _loading(kind: Kind) -> Callable[[sa.URL, FeedWindow], AbstractContextManager[Load | SignalLoad]]:
    if not kind.is_signal:
        return loading
    from observatory.signals.load import loading_signals

    return loading_signals


def _extract(
    url: sa.URL, territory: Territory, feed_id: str, loaded: FeedWindow, taken: deliveries.Taken = deliveries.NOTHING
) -> LoadResult:
    feed, ordinals, rejects = territory.feeds[feed_id], Ordinals(), []
    where, files = f"{loaded}{taken}", taken.files if feed.source.is_inbox else None
    with _loading(loaded.kind)(url, loaded) as load:
        taken.record(load)
        for rows in _opened(territory, feed_id, files).read(loaded.window):
            checked = admit(rows, territory, feed_id, ordinals)
            rejects.append(load.add(checked.accepted, checked.rejected))
        rejects.append(load.settle())
        taken.require_unchanged(where)
        share = feed.tolerated_reject_share
        share = loaded.kind.tolerated_reject_share if share is None else share
        most = tolerated_count(share, load.result.read_count, is_live=loaded.is_live)
        if load.result.rejected_count > most:
            broken = f"{load.result.rejected_count} of {load.result.read_count} records broke the contract"
            causes = pl.concat(rejects)
            raise ContractBroken(
                where,
                found=f"{broken} ({summarise(causes, load.result.read_count)})",
                redacted=f"{broken} ({summarise(causes.with_columns(value=None), load.result.read_count)})",
                expected=f"at most {share:.0%} (tolerated_reject_share)"
                + (f", and what chance adds to so few: {most}" if loaded.is_live else ""),
                action="Nothing was loaded, the last good data stays. Ask the source, or correct the mapping in "
                f"{territory.code}.yml.",
            )
    return load.result
