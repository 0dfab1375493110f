select
    -- ids
    territory_code,
    category_group,
    forecast_date,
    horizon_days,
    cell_id,
    model_id,

    -- numerics
    expected_count,
    probability_any,
    lower_80,
    upper_80,
    risk_rank,

    -- timestamps
    data_as_of
from {{ source('ml', 'hotspot_forecast') }}
