select
    -- ids
    territory_code,
    category_group,
    forecast_date,

    -- strings
    reason,

    -- timestamps
    data_as_of
from {{ source('ml', 'abstention') }}
