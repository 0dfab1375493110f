select
    incident.territory_code,
    incident.feed_id,
    incident.source_record_id,
    incident.version_number,
    incident.occurred_from
from {{ source('raw', 'incident') }} as incident
where
    not incident.is_withdrawn
    and {{ is_newest_version('incident', 'incident') }}
