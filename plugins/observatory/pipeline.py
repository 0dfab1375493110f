"""Extract a window of a feed: the step that a person can run by hand and that Airflow runs as a task."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

import polars as pl

from observatory import grid, inbox
from observatory.contracts import KINDS
from observatory.contracts.cell import cell_records
from observatory.errors import ContractBroken, ObservatoryError
from observatory.feeds import open_feed
from observatory.records import REJECTED, Ordinals, admit, summarise
from observatory.records.door import has_pseudonymous_key
from observatory.records.tolerance import tolerated_count
from observatory.terms import require_live_terms
from observatory.warehouse.journal import record_failure, record_territory
from observatory.warehouse.load import FeedWindow, Load, LoadResult, loading
from observatory.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from observatory.feeds.base import Feed
    from observatory.records import Kind
    from observatory.signals.load import SignalLoad
    from observatory.territory import Territory

log = logging.getLogger(__name__)
GRID_FEED = "grid"
NO_REJECTS = pl.DataFrame(schema=REJECTED)


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
            result = inbox.take(url, feed, loaded, partial(_extract, url, territory, feed_id, loaded))
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
    url: sa.URL, territory: Territory, feed_id: str, loaded: FeedWindow, taken: inbox.Taken = inbox.NOTHING
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
                came=f"{broken} ({summarise(causes, load.result.read_count)})",
                told=f"{broken} ({summarise(causes.with_columns(value=None), load.result.read_count)})",
                expected=f"at most {share:.0%} (tolerated_reject_share)"
                + (f", and what chance adds to so few: {most}" if loaded.is_live else ""),
                todo="Nothing was loaded, the last good data stays. Ask the source, or correct the mapping in "
                f"{territory.code}.yml.",
            )
    return load.result


def lay_grid(url: sa.URL, territory: Territory, window: Window) -> LoadResult | None:
    """Derive the city's cells from its zones as loaded; unchanged zones give unchanged cells.

    Returns:
        The counts of the load; None while no city boundary is loaded.
    """
    kind = KINDS["cell"]
    feed = FeedWindow(territory.code, GRID_FEED, kind, window, is_complete=True, tolerated_withdrawal_share=1.0)
    with loading(url, feed) as load:
        # read behind the load's lock, so that two zone feeds at once end with the cells of both
        zones = _current_zones(load, territory.code)
        city = zones.filter(pl.col("zone_type") == "city").sort("known_at").tail(1)
        if city.is_empty():
            return None
        districts = zones.filter(pl.col("zone_type") == "district")
        cells = grid.cells_in(
            city["geometry_wkt"].item(),
            epsg=territory.grid.epsg,
            cell_size_m=territory.grid.cell_size_m,
            districts=dict(districts.select("zone_code", "geometry_wkt").iter_rows()),
        )
        load.add(cell_records(cells, cast("datetime", zones["known_at"].max()), territory.grid.cell_size_m), NO_REJECTS)
    return load.result


def _current_zones(load: Load, territory_code: str) -> pl.DataFrame:
    return load.query(
        """
        select distinct on (feed_id, source_record_id) zone_type, zone_code, geometry_wkt, known_at, is_withdrawn
        from raw.zone where territory_code = $1
        order by feed_id, source_record_id, version_number desc
        """,
        territory_code,
    ).filter(~pl.col("is_withdrawn"))
