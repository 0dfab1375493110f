"""Write what a territory file declares to the warehouse: the city, its categories, its feeds and their terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from observatory.territory.city import corrected_for
from observatory.warehouse.connection import plain

if TYPE_CHECKING:
    import sqlalchemy as sa

    from observatory.territory.city import Territory


def record_territory(url: sa.URL, territory: Territory) -> None:
    """Write the city, its categories, feeds and terms as the territory file declares them, where they changed."""
    row = {
        "territory_code": territory.code,
        "territory_name": territory.name,
        "country_code": territory.country,
        "timezone": territory.timezone,
        "is_simulated": territory.is_simulated,
        "epsg": territory.grid.epsg,
        "cell_size_m": territory.grid.cell_size_m,
    }
    columns = [sql.Identifier(name) for name in row]
    statement = sql.SQL(
        "insert into raw.territory as t ({columns}) values ({values}) "
        "on conflict (territory_code) do update set {assignments} where row(t.*) is distinct from row(excluded.*)"
    ).format(
        columns=sql.SQL(", ").join(columns),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(row)),
        assignments=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(name) for name in columns),
    )
    with psycopg.connect(plain(url)) as connection:
        connection.execute(statement, list(row.values()))
        _record_categories(connection, territory)
        _record_terms(connection, territory)
        _record_feeds(connection, territory)


def _record_categories(connection: psycopg.Connection, territory: Territory) -> None:
    """Update ``raw.category_map`` to the category codes of the territory file."""
    meanings = [
        {"source_category_code": code, "category_code": meaning.category, "detection_mode": meaning.detection_mode}
        for code, meaning in territory.categories.items()
    ]
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"categories of {territory.code}"])
    connection.execute(
        "delete from raw.category_map where territory_code = %s and not source_category_code = any(%s)",
        [territory.code, list(territory.categories)],
    )
    connection.execute(
        """
        insert into raw.category_map as t (territory_code, source_category_code, category_code, detection_mode)
        select %s, declared.*
        from jsonb_to_recordset(%s) as declared (source_category_code text, category_code text, detection_mode text)
        on conflict (territory_code, source_category_code) do update
        set category_code = excluded.category_code, detection_mode = excluded.detection_mode
        where row(t.*) is distinct from row(excluded.*)
        """,
        [territory.code, Jsonb(meanings)],
    )


def _record_terms(connection: psycopg.Connection, territory: Territory) -> None:
    """Append to ``gov.declaration`` what the territory file says anew of the terms of its feeds."""
    terms = [
        {
            "feed_id": feed_id,
            "kind": feed.kind,
            "licence": feed.licence,
            "partner": convention and convention.partner,
            "purpose": convention and convention.purpose,
            "legal_basis": convention and convention.legal_basis,
            "document": convention and convention.document,
            "start_date": convention and str(convention.start),
            "end_date": convention and str(convention.end),
        }
        for feed_id, feed in territory.feeds.items()
        for convention in [feed.convention]
    ]
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"terms of {territory.code}"])
    connection.execute(
        """
        with newest as (
            select distinct on (feed_id) * from gov.declaration
            where territory_code = %(code)s order by feed_id, declaration_id desc
        ),

        declared as (
            select * from jsonb_to_recordset(%(terms)s) as t (
                feed_id text, kind text, licence text, partner text, purpose text, legal_basis text, document text,
                start_date date, end_date date
            )
        ),

        stated as (
            select *, true as is_declared from declared
            union all
            select feed_id, kind, licence, partner, purpose, legal_basis, document, start_date, end_date, false
            from newest where feed_id not in (select feed_id from declared)
            except
            select feed_id, kind, licence, partner, purpose, legal_basis, document, start_date, end_date, is_declared
            from newest
        )

        insert into gov.declaration (
            territory_code, feed_id, kind, licence, partner, purpose, legal_basis, document, start_date, end_date,
            is_declared, declared_at
        )
        select %(code)s, *, clock_timestamp() from stated order by feed_id
        """,
        {"code": territory.code, "terms": Jsonb(terms)},
    )


def _record_feeds(connection: psycopg.Connection, territory: Territory) -> None:
    """Update ``ops.feed`` to the feeds of the territory file."""
    declared = [
        {
            "feed_id": feed_id,
            "kind": feed.kind,
            "owner": feed.owner,
            "cadence_min": feed.cadence_min,
            "correction_days": corrected_for(territory, feed_id).days,
            "is_live": feed.cadence_min is not None,
        }
        for feed_id, feed in territory.feeds.items()
    ]
    connection.execute("select pg_advisory_xact_lock(hashtext(%s))", [f"feeds of {territory.code}"])
    connection.execute(
        "delete from ops.feed where territory_code = %s and not feed_id = any(%s)",
        [territory.code, list(territory.feeds)],
    )
    connection.execute(
        """
        insert into ops.feed as t (territory_code, feed_id, kind, owner, cadence_min, correction_days, is_live)
        select %s, declared.*
        from jsonb_to_recordset(%s) as declared (
            feed_id text, kind text, owner text, cadence_min integer, correction_days integer, is_live boolean
        )
        on conflict (territory_code, feed_id) do update
        set
            kind = excluded.kind,
            owner = excluded.owner,
            cadence_min = excluded.cadence_min,
            correction_days = excluded.correction_days,
            is_live = excluded.is_live
        where (t.kind, t.owner, t.cadence_min, t.correction_days, t.is_live)
            is distinct from (
                excluded.kind, excluded.owner, excluded.cadence_min, excluded.correction_days, excluded.is_live
            )
        """,
        [territory.code, Jsonb(declared)],
    )
