{{ config(materialized='view') }}
{#- No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. -#}
select
    hours.territory_code,
    hours.feed_id,
    hours.car_park_code,
    hours.hour_start,
    hours.district_code,
    hours.longitude_deg,
    hours.latitude_deg,
    hours.row_count,
    hours.last_at,
    hours.free_count_mean,
    hours.free_count_count,
    hours.free_count_last,
    hours.capacity_count_mean,
    hours.capacity_count_count,
    hours.capacity_count_last,
    {{ hour_columns() }}
from {{ ref('stg_parking_occupancy_hour') }} as hours
{{ hour_joins() }}
