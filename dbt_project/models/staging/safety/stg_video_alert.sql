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
    and {{ is_newest_version('video_alert', 'alert') }}
