with

forecasts as (

    select * from {{ ref('stg_hotspot_forecast') }}

),

models as (

    select * from {{ ref('stg_model') }}

),

cells as (

    select * from {{ ref('dim_cell') }}

),

territories as (

    select * from {{ ref('dim_territory') }}

),

forecast_groups as (

    select distinct
        territory_code,
        category_group

    from models

),

latest as (

    -- one short look into the index per territory and group, instead of ranking every forecast ever made
    select
        newest.territory_code,
        newest.category_group,
        newest.forecast_date,
        newest.horizon_days

    from forecast_groups

    cross join lateral (
        select
            forecasts.territory_code,
            forecasts.category_group,
            forecasts.forecast_date,
            forecasts.horizon_days
        from forecasts
        where
            forecasts.territory_code = forecast_groups.territory_code
            and forecasts.category_group = forecast_groups.category_group
        order by forecasts.forecast_date desc, forecasts.horizon_days asc
        limit 1
    ) as newest

),

final as (

    select
        forecasts.territory_code,
        forecasts.forecast_date,
        forecasts.category_group,
        forecasts.horizon_days,
        forecasts.cell_id,
        forecasts.risk_rank,
        forecasts.expected_count,
        forecasts.probability_any,
        forecasts.lower_80,
        forecasts.upper_80,
        forecasts.data_as_of,
        forecasts.model_id,
        models.method,
        cells.longitude_deg,
        cells.latitude_deg,
        cells.district_code,
        territories.is_simulated,
        latest.forecast_date is not null as is_latest

    from forecasts

    left join latest
        on
            forecasts.territory_code = latest.territory_code
            and forecasts.category_group = latest.category_group
            and forecasts.forecast_date = latest.forecast_date
            and forecasts.horizon_days = latest.horizon_days

    left join models
        on forecasts.model_id = models.model_id

    left join cells
        on
            forecasts.territory_code = cells.territory_code
            and forecasts.cell_id = cells.cell_id

    left join territories
        on forecasts.territory_code = territories.territory_code

)

select * from final
