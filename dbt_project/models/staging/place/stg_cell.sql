select
    -- ids
    cell.territory_code,
    cell.feed_id,
    cell.source_record_id,
    cell.version_number,
    cell.cell_id,

    -- strings
    cell.district_code,

    -- numerics
    cell.longitude_deg,
    cell.latitude_deg,
    cell.easting_m,
    cell.northing_m,
    cell.cell_size_m,
    cell.epsg,

    -- timestamps
    cell.known_at
from {{ source('raw', 'cell') }} as cell
where
    not cell.is_withdrawn
    and {{ is_newest_version('cell', 'cell') }}
