select
    territory_code,
    feed_id,
    zone_code,
    segment,
    hour_start,
    cell_id,
    district_code,
    longitude_deg,
    latitude_deg,
    row_count,
    last_at,
    volume_count_mean,
    volume_count_count,
    volume_count_last
from {{ source('raw', 'population_flow_hour') }}
