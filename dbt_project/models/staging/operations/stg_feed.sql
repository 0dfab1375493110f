select
    territory_code,
    feed_id,
    kind,
    owner,
    cadence_min,
    correction_days,
    is_live
from {{ source('ops', 'feed') }}
