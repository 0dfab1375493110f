select
    territory_code,
    source_category_code,
    category_code,
    detection_mode
from {{ source('raw', 'category_map') }}
