select
    model_id,
    territory_code,
    category_group,
    method,
    trained_from,
    trained_through
from {{ source('ml', 'model') }}
