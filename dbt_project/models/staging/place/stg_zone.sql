select
    -- ids
    zones.territory_code,
    zones.feed_id,
    zones.source_record_id,
    zones.version_number,

    -- strings
    zones.zone_type,
    zones.zone_code,
    zones.zone_name,
    zones.geometry_wkt,

    -- numerics
    zones.area_km2,

    -- timestamps
    zones.known_at
from {{ source('raw', 'zone') }} as zones
where
    not zones.is_withdrawn
    and {{ is_newest_version('zone', 'zones') }}
