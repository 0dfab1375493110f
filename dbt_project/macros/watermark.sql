{#-
    Which loads a build takes in. A model remembers in ops.model_watermark, per feed, the last load that it was built from.
    Loads of one feed commit in the order of their numbers, because the loader holds a lock per feed from before it takes a
    number until it commits; loads of different feeds may not. So a mark per feed never passes a load that is still open.

    The loads are fixed before anything is deleted, and the mark moves in the transaction of the build: a build that fails
    leaves both the table and the mark as they were.
-#}

{#- The variable since_last_build: rebuild what was loaded since each model was last built. A window goes before it. -#}
{% macro is_since_last_build() -%}
    {{ return(window() is none and build_variable('since_last_build') | string | lower == 'true') }}
{%- endmacro %}

{#- The same of a model: one that was never built is built from everything. -#}
{% macro rebuilds_what_was_loaded() -%}
    {{ return(is_incremental() and is_since_last_build()) }}
{%- endmacro %}

{#- Whether the table then holds all that was loaded. After a build of the days that a person names it may not. -#}
{% macro is_complete_build() -%}
    {{ return(not is_incremental() or window() is none) }}
{%- endmacro %}

{#-
    Pre-hook: fix which loads the build takes in, in pg_temp.build_load, one row per feed.

    kinds: kinds of record of which every committed load counts.
    after: models that this one reads; of their feeds, only what they were built from counts.
-#}
{% macro begin_build(kinds=[], after=[]) -%}
    {%- if is_complete_build() -%}
        create temporary table build_load on commit drop as
        select
            reached.territory_code,
            reached.feed_id,
            reached.kind,
            coalesce(watermark.load_id, 0) as after_load_id,
            reached.load_id as last_load_id
        from (
            select
                territory_code,
                feed_id,
                kind,
                max(load_id) as load_id
            from ops.load
            where kind = any(array[{{ quoted(kinds) }}]::text[])
            group by territory_code, feed_id, kind
            union all
            select
                territory_code,
                feed_id,
                kind,
                min(load_id) as load_id
            from ops.model_watermark
            where model = any(array[{{ quoted(after) }}]::text[])
            group by territory_code, feed_id, kind
        ) as reached
        left join ops.model_watermark as watermark
            on
                watermark.model = '{{ this.name }}'
                and reached.territory_code = watermark.territory_code
                and reached.feed_id = watermark.feed_id
        where {{ in_territory('reached.territory_code') if is_incremental() else 'true' }}
    {%- endif -%}
{%- endmacro %}

{#-
    Pre-hook after begin_build: the incidents that the loads touched, in pg_temp.touched_incident, and the local days of all
    their versions, in pg_temp.touched_day. Where the cells of the city changed, that is all of its incidents.

    versions: all versions as delivered. dated: all versions with their local day.
-#}
{% macro find_touched(versions, dated) -%}
    {%- if rebuilds_what_was_loaded() -%}
        create temporary table touched_incident on commit drop as
        select
            versions.territory_code,
            versions.feed_id,
            versions.source_record_id
        from pg_temp.build_load
        inner join {{ versions }} as versions
            on
                build_load.territory_code = versions.territory_code
                and build_load.feed_id = versions.feed_id
                and build_load.after_load_id < versions.load_id
                and build_load.last_load_id >= versions.load_id
        where build_load.kind = 'incident'
        union
        select
            territory_code,
            feed_id,
            source_record_id
        from {{ versions }}
        where
            territory_code in (
                select build_load.territory_code
                from pg_temp.build_load
                inner join ops.load as load
                    on
                        build_load.territory_code = load.territory_code
                        and build_load.feed_id = load.feed_id
                        and build_load.after_load_id < load.load_id
                        and build_load.last_load_id >= load.load_id
                where build_load.kind = 'cell' and load.accepted_count + load.withdrawn_count > 0
            );
        analyze pg_temp.touched_incident;
        create temporary table touched_day on commit drop as
        select distinct
            dated.territory_code,
            dated.occurred_date
        from pg_temp.touched_incident
        inner join {{ dated }} as dated
            on
                touched_incident.territory_code = dated.territory_code
                and touched_incident.feed_id = dated.feed_id
                and touched_incident.source_record_id = dated.source_record_id;
        analyze pg_temp.touched_day
    {%- endif -%}
{%- endmacro %}

{#- Post-hook: move the model's marks to the loads that begin_build fixed, and note which local days were rebuilt. -#}
{% macro end_build(has_days=false) -%}
    {%- if is_complete_build() -%}
        insert into ops.model_watermark as watermark (
            territory_code, model, feed_id, kind, load_id, built_at, first_day, last_day
        )
        select
            build_load.territory_code,
            '{{ this.name }}',
            build_load.feed_id,
            build_load.kind,
            build_load.last_load_id,
            clock_timestamp(),
            days.first_day,
            days.last_day
        from pg_temp.build_load
        cross join lateral (
            {%- if has_days and rebuilds_what_was_loaded() %}
            select
                min(touched_day.occurred_date) as first_day,
                max(touched_day.occurred_date) as last_day
            from pg_temp.touched_day
            where touched_day.territory_code = build_load.territory_code
            {%- else %}
            select
                date '-infinity' as first_day,
                date 'infinity' as last_day
            {%- endif %}
        ) as days
        on conflict (territory_code, model, feed_id) do update set
            kind = excluded.kind,
            load_id = greatest(watermark.load_id, excluded.load_id),
            built_at = excluded.built_at,
            first_day = coalesce(excluded.first_day, watermark.first_day),
            last_day = coalesce(excluded.last_day, watermark.last_day)
    {%- endif -%}
{%- endmacro %}
