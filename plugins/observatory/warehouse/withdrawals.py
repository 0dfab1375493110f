"""Close records that a complete feed no longer lists, or that have moved out of the city, at the end of a load.

During a backfill, a record that one window no longer lists may be in a later window, because its date was corrected.
So each load of a backfill notes in ``ops.withdrawn_at_source`` the records that it did not find. A later load that
lists the record deletes the note, or appends a newer version of the record, which cancels it. The records that are
still noted when every window is loaded are closed. The result does not depend on the order of the windows, on their
bounds, or on how often they are read.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from observatory.warehouse.load import Load

log = logging.getLogger(__name__)


def withdraw_missing(load: Load) -> None:
    """Close, or note for later, the records that a complete feed no longer lists, unless they are implausibly many."""
    if not load.feed.is_complete or load.result.read_count == 0:
        return
    listed = pl.concat(load.listed).to_frame()
    _delete_notes(load, listed.drop_nulls())
    if listed["source_record_id"].has_nulls():
        log.warning(
            "%s: a rejected record has no id, so the records no longer listed cannot be determined; none was closed",
            load.feed,
        )
        return
    current = load.known.filter(~pl.col("is_withdrawn"))
    missing = current.join(listed, on="source_record_id", how="anti").select("source_record_id", "version_number")
    if missing.is_empty():
        return
    if missing.height > load.feed.tolerated_withdrawal_share * current.height:
        log.warning(
            "%s: the feed no longer lists %d of %d records; expected at most %.0f %%. None was closed: "
            "check the source, or raise tolerated_withdrawal_share in %s.yml",
            load.feed,
            missing.height,
            current.height,
            100 * load.feed.tolerated_withdrawal_share,
            load.feed.territory_code,
        )
        return
    load.stage("missing", missing, "source_record_id text, version_number integer")
    # a kind without a time column has a single window
    if load.feed.is_part_of_history and load.feed.contract.kind.time_column:
        _note(load)
    else:
        _close(load)
        load.result.withdrawn_count += missing.height


def withdraw_outside(load: Load) -> None:
    """Close the records of which the load dropped a version outside the city's bounds."""
    dropped = pl.concat(load.outside).unique().drop_nulls() if load.outside else pl.Series(dtype=pl.String)
    if dropped.is_empty() or load.feed_is_empty:
        return
    load.stage("dropped", dropped.to_frame("source_record_id"), "source_record_id text")
    table = f"raw.{load.feed.contract.name}"
    known = load.query(
        f"""
        select newest.source_record_id, newest.version_number
        from pg_temp.dropped as d
        cross join lateral (
            select source_record_id, version_number, is_withdrawn from {table} as r
            where r.territory_code = $1 and r.feed_id = $2 and r.source_record_id = d.source_record_id
            order by version_number desc limit 1
        ) as newest
        where not newest.is_withdrawn
        """,  # noqa: S608
        load.feed.territory_code,
        load.feed.feed_id,
    )
    if known.is_empty():
        return
    load.stage("missing", known, "source_record_id text, version_number integer")
    _close(load)
    load.result.withdrawn_count += known.height


def close_noted(load: Load) -> None:
    """Close every record of the feed that was noted as no longer listed and was not seen since."""
    noted = load.query(
        f"""
        select u.source_record_id, u.version_number
        from ops.withdrawn_at_source as u
        join lateral (
            select version_number, is_withdrawn from raw.{load.feed.contract.name} as r
            where r.territory_code = $1 and r.feed_id = $2 and r.source_record_id = u.source_record_id
            order by version_number desc limit 1
        ) as newest on newest.version_number = u.version_number and not newest.is_withdrawn
        where u.territory_code = $1 and u.feed_id = $2
        """,  # noqa: S608
        load.feed.territory_code,
        load.feed.feed_id,
    )
    load.execute(
        "delete from ops.withdrawn_at_source where territory_code = $1 and feed_id = $2",
        load.feed.territory_code,
        load.feed.feed_id,
    )
    if noted.height:
        load.stage("missing", noted, "source_record_id text, version_number integer")
        _close(load)
    load.result.withdrawn_count = noted.height


def _delete_notes(load: Load, listed: pl.DataFrame) -> None:
    noted = load.query(
        "select source_record_id from ops.withdrawn_at_source where territory_code = $1 and feed_id = $2",
        load.feed.territory_code,
        load.feed.feed_id,
    )
    seen = noted.join(listed, on="source_record_id", how="semi")
    if seen.is_empty():
        return
    load.stage("seen_again", seen, "source_record_id text")
    load.execute(
        """
        delete from ops.withdrawn_at_source as u using pg_temp.seen_again as s
        where u.territory_code = $1 and u.feed_id = $2 and u.source_record_id = s.source_record_id
        """,
        load.feed.territory_code,
        load.feed.feed_id,
    )


def _note(load: Load) -> None:
    load.execute(
        """
        insert into ops.withdrawn_at_source (territory_code, feed_id, source_record_id, version_number, load_id)
        select $1, $2, source_record_id, version_number, $3 from pg_temp.missing
        on conflict (territory_code, feed_id, source_record_id)
        do update set version_number = excluded.version_number, load_id = excluded.load_id
        """,
        load.feed.territory_code,
        load.feed.feed_id,
        load.load_id,
    )


def _close(load: Load) -> None:
    """Append to each record staged as ``missing`` a version that closes it."""
    own = {"version_number", "is_withdrawn", "known_at", "loaded_at", "load_id"}
    kept = [name for name in load.columns() if name not in own]
    load.execute(
        f"""
        insert into raw.{load.feed.contract.name}
            ({", ".join(kept)}, version_number, is_withdrawn, known_at, loaded_at, load_id)
        select
            {", ".join(f"r.{name}" for name in kept)},
            r.version_number + 1, true, greatest($1, r.known_at), $1, $2
        from pg_temp.missing as u
        join raw.{load.feed.contract.name} as r
            on r.territory_code = $3 and r.feed_id = $4
            and r.source_record_id = u.source_record_id and r.version_number = u.version_number
        """,  # noqa: S608
        load.loaded_at,
        load.load_id,
        load.feed.territory_code,
        load.feed.feed_id,
    )
