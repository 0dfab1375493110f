with

abstentions as (

    select * from {{ ref('stg_abstention') }}

),

territories as (

    select * from {{ ref('dim_territory') }}

),

final as (

    select
        abstentions.territory_code,
        abstentions.forecast_date,
        abstentions.category_group,
        abstentions.reason,
        abstentions.data_as_of,
        territories.is_simulated

    from abstentions

    left join territories
        on abstentions.territory_code = territories.territory_code

)

select * from final
