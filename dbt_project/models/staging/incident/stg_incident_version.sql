select
    -- ids
    territory_code,
    feed_id,
    source_record_id,
    version_number,
    load_id,

    -- strings
    record_type,
    detection_mode,
    occurred_precision,
    location_method,
    cell_id,
    district_code,

    -- numerics
    longitude_deg,
    latitude_deg,
    location_precision_m,

    -- booleans
    is_withdrawn,

    -- timestamps
    occurred_from,
    occurred_to,
    reported_at,
    published_at,
    known_at,
    loaded_at,

    -- spelling
    upper(trim(source_category_code)) as source_category_code
from {{ source('raw', 'incident') }}
