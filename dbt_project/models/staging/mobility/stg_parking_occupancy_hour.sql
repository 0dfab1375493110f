select
    territory_code,
    feed_id,
    car_park_code,
    hour_start,
    cell_id,
    district_code,
    longitude_deg,
    latitude_deg,
    row_count,
    last_at,
    free_count_mean,
    free_count_count,
    free_count_last,
    capacity_count_mean,
    capacity_count_count,
    capacity_count_last
from {{ source('raw', 'parking_occupancy_hour') }}
