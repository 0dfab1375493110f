-- said as "no newer version exists", not as a ranking: asked for few alerts, PostgreSQL reads only those
select
    alert.territory_code,
    alert.feed_id,
    alert.source_record_id,
    alert.version_number,
    alert.camera_code,
    alert.category,
    alert.severity,
    alert.confidence,
    alert.cell_id,
    alert.district_code,
    alert.longitude_deg,
    alert.latitude_deg,
    alert.occurred_from,
    alert.occurred_to
from {{ source('raw', 'video_alert') }} as alert
where
    not alert.is_withdrawn
    and not exists (
        select 1
        from {{ source('raw', 'video_alert') }} as newer
        where
            newer.territory_code = alert.territory_code
            and newer.feed_id = alert.feed_id
            and newer.source_record_id = alert.source_record_id
            and newer.version_number > alert.version_number
            -- follows from the line above, and tells the planner that only the few corrections can be newer
            and newer.version_number > 1
    )
