"""Extract a window of a feed, for the command line and for Airflow's tasks."""

from __future__ import annotations

import logging
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import polars as pl

from observatory.errors import ContractBroken, ObservatoryError
from observatory.feeds import open_reader
from observatory.ingest import deliveries
from observatory.ingest.grid_cells import lay_grid
from observatory.records.admit import admit
from observatory.records.check import summarise
from observatory.records.feed_window import FeedWindow, LoadWindow
from observatory.records.identity import Ordinals
from observatory.records.tolerance import tolerated_count
from observatory.territory.terms import require_live_terms
from observatory.warehouse.declarations import record_territory
from observatory.warehouse.journal import record_failure
from observatory.warehouse.load import Load, loading
from observatory.warehouse.load_result import LoadResult
from observatory.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from observatory.feeds.base import Reader
    from observatory.kinds import Kind
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
    """Read one window of one feed, check it and load it; after a zone feed, derive the city's grid.

    Args:
        url: the warehouse, as role ``loader``.
        territory: the city.
        feed_id: one of its feeds.
        window: the local days to read.
        is_part_of_history: whether other windows follow; records that are no longer listed are closed after the last.
        is_live: whether a live run reads it, so that a few rejects among few records are tolerated.

    Raises:
        ConventionNotLive: the records may not be loaded today; the source was not contacted.
        TerritoryError: the feed maps columns that its kind's contract does not have.
        SecretMissing: a secret for pseudonyms or authentication is not set.
        SourceUnavailable: the source does not respond; a later retry may succeed.
        SourceChanged: columns are missing or the response is of another form.
        ContractBroken: more records were rejected than the feed tolerates; nothing was loaded.
    """
    feed_window = FeedWindow.of(territory, feed_id, window, is_part_of_history=is_part_of_history, is_live=is_live)
    feed = feed_window.feed
    record_territory(url, territory)
    try:
        require_live_terms(feed, datetime.now(ZoneInfo(territory.timezone)).date())
        if feed.source.is_inbox:
            result = deliveries.load_inbox(url, feed_window, partial(_extract, url, feed_window))
        else:
            result = _extract(url, feed_window)
    except ObservatoryError as error:
        record_failure(url, feed_window, error)
        raise
    log.info("%s: %s", feed_window, result)
    if feed.kind == "zone":
        lay_grid(url, territory, window)
    return result


def _reader(feed_window: FeedWindow, files: tuple[Path, ...] | None) -> Reader:
    if files is not None:
        return open_reader(feed_window, files=files)
    if not feed_window.feed.source.has_messages:
        return open_reader(feed_window)
    from observatory.text.tone import tone

    return open_reader(feed_window, score=tone)


def _loading(kind: Kind) -> Callable[[sa.URL, LoadWindow], AbstractContextManager[Load | SignalLoad]]:
    if not kind.is_signal:
        return loading
    from observatory.signals.load import loading_signals

    return loading_signals


def _extract(
    url: sa.URL, feed_window: FeedWindow, delivery: deliveries.Delivery = deliveries.NO_DELIVERY
) -> LoadResult:
    plan, feed, ordinals, rejects = feed_window.plan, feed_window.feed, Ordinals(), []
    subject, files = f"{feed_window}{delivery}", delivery.files if feed.source.is_inbox else None
    with _loading(plan.contract.kind)(url, feed_window) as load:
        delivery.record(load)
        for rows in _reader(feed_window, files).read():
            checked = admit(rows, plan, ordinals)
            rejects.append(load.add(checked.accepted, checked.rejected, checked.outside))
        rejects.append(load.settle())
        delivery.require_unchanged(subject)
        share = feed.tolerated_reject_share
        share = plan.contract.tolerated_reject_share if share is None else share
        inside_count = load.result.read_count - load.result.outside_count
        tolerated = tolerated_count(share, inside_count, is_live=feed_window.is_live)
        if load.result.rejected_count > tolerated:
            broken = f"{load.result.rejected_count} of {inside_count} records broke the contract"
            causes = pl.concat(rejects)
            raise ContractBroken(
                subject,
                found=f"{broken} ({summarise(causes, inside_count)})",
                redacted=f"{broken} ({summarise(causes.with_columns(value=None), inside_count)})",
                expected=f"at most {share:.0%} (tolerated_reject_share)"
                + (f", plus an allowance for small numbers: {tolerated}" if feed_window.is_live else ""),
                action="Nothing was loaded, earlier data is kept. Ask the source, or correct the mapping in "
                f"{feed.territory_file}.",
            )
    return load.result
