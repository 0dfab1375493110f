{{ config(severity='warn') }}

-- A method scored on other days than the rest is not comparable: score the missing days again.
select
    territory_code,
    category_group,
    evaluation
from {{ ref('skill') }}
where {{ in_territory() }}
group by territory_code, category_group, evaluation
having
    min(day_count) <> max(day_count)
    or min(first_forecast_date) <> max(first_forecast_date)
    or min(last_forecast_date) <> max(last_forecast_date)
    or min(incident_count) <> max(incident_count)
