{#- No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. -#}
select
    -- ids
    versions.territory_code,
    versions.feed_id,
    versions.source_record_id,
    versions.version_number,
    versions.load_id,

    -- strings
    versions.record_type,
    versions.source_category_code,
    categories.category_group,
    versions.occurred_precision,
    versions.location_method,
    versions.district_code,

    -- numerics
    versions.longitude_deg,
    versions.latitude_deg,
    versions.location_precision_m,

    -- booleans
    versions.is_withdrawn,

    -- timestamps
    versions.occurred_from,
    versions.occurred_to,
    versions.reported_at,
    versions.published_at,
    versions.known_at,
    versions.loaded_at,

    -- conformed
    (versions.occurred_from at time zone territories.timezone)::date as occurred_date,
    coalesce(cells.cell_id, 'unlocated') as cell_id,
    coalesce(category_map.category_code, 'unmapped') as category_code,
    coalesce(versions.detection_mode, category_map.detection_mode, 'unknown') as detection_mode,
    category_map.category_code is not null
    and coalesce(versions.detection_mode, category_map.detection_mode) in ('reported', 'sensor') as is_trainable
from {{ ref('stg_incident_version') }} as versions
inner join {{ ref('dim_territory') }} as territories
    on versions.territory_code = territories.territory_code
left join {{ ref('dim_cell') }} as cells
    on
        versions.territory_code = cells.territory_code
        and versions.cell_id = cells.cell_id
left join {{ ref('int_category_map') }} as category_map
    on
        versions.territory_code = category_map.territory_code
        and versions.source_category_code = category_map.source_category_code
left join {{ ref('dim_category') }} as categories
    on coalesce(category_map.category_code, 'unmapped') = categories.category_code
