{{ config(materialized='view') }}
{#-
    No CTEs: PostgreSQL does not merge a view that has one into the query that reads it, and would read all of it. The versions
    before and after are looked up by key, not ranked: few records have any, and the cost stays one short look per row.
-#}
select
    versions.territory_code,
    versions.feed_id,
    versions.source_record_id,
    versions.version_number,
    versions.is_withdrawn,
    versions.record_type,
    versions.occurred_date,
    versions.occurred_from,
    versions.occurred_to,
    versions.occurred_precision,
    versions.reported_at,
    versions.cell_id,
    versions.district_code,
    versions.longitude_deg,
    versions.latitude_deg,
    versions.location_method,
    versions.location_precision_m,
    versions.source_category_code,
    versions.category_code,
    versions.category_group,
    versions.detection_mode,
    versions.is_trainable,
    versions.published_at,
    versions.loaded_at,
    versions.load_id,
    greatest(versions.known_at, predecessors.known_at) as known_from,
    case
        when successor.known_at is not null then greatest(versions.known_at, predecessors.known_at, successor.known_at)
    end as known_to
from {{ ref('int_incident_versions_conformed') }} as versions
-- a version cannot be known before those that it corrects, even if its source says so
left join lateral (
    select max(earlier.known_at) as known_at
    from {{ ref('stg_incident_version') }} as earlier
    where
        versions.version_number > 1
        and earlier.territory_code = versions.territory_code
        and earlier.feed_id = versions.feed_id
        and earlier.source_record_id = versions.source_record_id
        and earlier.version_number < versions.version_number
) as predecessors on true
left join lateral (
    select later.known_at
    from {{ ref('stg_incident_version') }} as later
    where
        later.territory_code = versions.territory_code
        and later.feed_id = versions.feed_id
        and later.source_record_id = versions.source_record_id
        and later.version_number > versions.version_number
        -- follows from the line above, and tells the planner that only the few corrections can be later
        and later.version_number > 1
    order by later.version_number
    limit 1
) as successor on true
