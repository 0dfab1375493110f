select
    territory_code,
    feed_id,
    record_type,
    line_code,
    hour_start,
    row_count,
    last_at,
    trip_count,
    delay_s_mean,
    delay_s_count,
    delay_s_last
from {{ source('raw', 'transit_service_hour') }}
