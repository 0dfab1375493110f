{#-
    Whether a row is the newest version of its record. Said as "no newer version exists", not as a ranking: asked for few
    records, PostgreSQL reads only those.
-#}
{% macro is_newest_version(table, alias) -%}
    not exists (
        select 1
        from {{ source('raw', table) }} as newer
        where
            newer.territory_code = {{ alias }}.territory_code
            and newer.feed_id = {{ alias }}.feed_id
            and newer.source_record_id = {{ alias }}.source_record_id
            and newer.version_number > {{ alias }}.version_number
            -- follows from the line above, and tells the planner that only the few corrections can be newer
            and newer.version_number > 1
    )
{%- endmacro %}
