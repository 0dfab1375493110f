{{ config(materialized='view') }}
{#- No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. -#}
select
    hours.territory_code,
    hours.feed_id,
    hours.record_type,
    hours.line_code,
    hours.hour_start,
    hours.row_count,
    hours.last_at,
    hours.trip_count,
    hours.delay_s_mean,
    hours.delay_s_count,
    hours.delay_s_last,
    {{ hour_columns(has_cell=false) }}
from {{ ref('stg_transit_service_hour') }} as hours
{{ hour_joins(has_cell=false) }}
