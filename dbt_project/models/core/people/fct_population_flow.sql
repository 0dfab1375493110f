{{ config(materialized='view') }}
{#- No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. -#}
select
    hours.territory_code,
    hours.feed_id,
    hours.zone_code,
    hours.segment,
    hours.hour_start,
    hours.district_code,
    hours.longitude_deg,
    hours.latitude_deg,
    hours.row_count,
    hours.last_at,
    hours.volume_count_mean,
    hours.volume_count_count,
    hours.volume_count_last,
    {{ hour_columns() }},
    hours.row_count - hours.volume_count_count as suppressed_count,
    hours.volume_count_count = 0 as is_suppressed
from {{ ref('stg_population_flow_hour') }} as hours
{{ hour_joins() }}
