{{ config(materialized='view') }}
{#- No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. -#}
select
    hours.territory_code,
    hours.feed_id,
    hours.site_code,
    hours.hour_start,
    hours.district_code,
    hours.longitude_deg,
    hours.latitude_deg,
    hours.row_count,
    hours.last_at,
    hours.flow_veh_h_mean,
    hours.flow_veh_h_count,
    hours.flow_veh_h_last,
    hours.speed_kmh_mean,
    hours.speed_kmh_count,
    hours.speed_kmh_last,
    hours.occupancy_pct_mean,
    hours.occupancy_pct_count,
    hours.occupancy_pct_last,
    {{ hour_columns() }}
from {{ ref('stg_traffic_measure_hour') }} as hours
{{ hour_joins() }}
