{#-
    Core tables replace their rows: a pre-hook deletes what the run concerns, the model inserts it anew, in one transaction.
    The hook and the model state the condition with the same macro, so they cannot disagree. On a first build, or with
    --full-refresh, there is nothing to keep and the scope is everything.
-#}

{% macro replace_rows(condition) -%}
    {%- if is_incremental() -%} delete from {{ this }} where {{ condition }} {%- endif -%}
{%- endmacro %}

{#-
    The same for a large table. Where everything goes it is truncated: rows inserted beside as many dead ones take three times
    as long. Readers then wait for the end of the transaction instead of seeing the old rows.
-#}
{% macro replace_many_rows(condition) -%}
    {%- if is_incremental() and condition | trim == 'true' -%} truncate {{ this }}
    {%- else -%} {{ replace_rows(condition) }}
    {%- endif -%}
{%- endmacro %}

{#- Condition on a dimension: the row is rebuilt by this run. -#}
{% macro is_rebuilt() -%}
    {{ in_territory() if is_incremental() else 'true' }}
{%- endmacro %}

{#-
    Condition on an incident: the run rebuilds it. Either a load since the last build has a version of it; or, where a person
    names a window, any of its versions, not only the newest, falls on a day of the window or beside it. So an incident that
    moved out of the window, or was withdrawn, leaves it; one that moved in, enters. `versions` are all versions as delivered.
-#}
{% macro is_touched_incident(versions) -%}
    {%- if rebuilds_what_was_loaded() -%}
        (territory_code, feed_id, source_record_id) in (
            select
                territory_code,
                feed_id,
                source_record_id
            from pg_temp.touched_incident
        )
    {%- else -%}
    {{ is_rebuilt() }}
    {%- if is_incremental() and window() is not none %}
        and (territory_code, feed_id, source_record_id) in (
            select
                territory_code,
                feed_id,
                source_record_id
            from {{ versions }}
            where {{ in_territory() }} and {{ near_window('occurred_from') }}
        )
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#-
    Condition on a day of counts: the run rebuilds it, because a version of a touched incident falls on it. `dated` are all
    versions with their local day.
-#}
{% macro is_touched_day(versions, dated) -%}
    {%- if rebuilds_what_was_loaded() -%}
        (territory_code, occurred_date) in (
            select
                territory_code,
                occurred_date
            from pg_temp.touched_day
        )
    {%- else -%}
    {{ is_rebuilt() }}
    {%- if is_incremental() and window() is not none %}
        and (territory_code, occurred_date) in (
            select
                territory_code,
                occurred_date
            from {{ dated }}
            where {{ is_touched_incident(versions) }}
        )
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}
