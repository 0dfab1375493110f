select
    -- ids
    zone.territory_code,
    zone.feed_id,
    zone.source_record_id,
    zone.version_number,

    -- strings
    zone.zone_type,
    zone.zone_code,
    zone.zone_name,
    zone.geometry_wkt,

    -- numerics
    zone.area_km2,

    -- timestamps
    zone.known_at
from {{ source('raw', 'zone') }} as zone
where
    not zone.is_withdrawn
    and {{ is_newest_version('zone', 'zone') }}
