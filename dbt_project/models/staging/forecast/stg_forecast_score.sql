select
    -- ids
    territory_code,
    category_group,
    forecast_date,
    horizon_days,
    evaluation,
    method,

    -- numerics
    cell_count,
    incident_count,
    expected_count,
    poisson_deviance,
    log_score,
    flat_log_score,
    hit_rate_1,
    hit_rate_2,
    hit_rate_5,
    pai_1,
    pai_2,
    pai_5
from {{ source('ml', 'forecast_score') }}
