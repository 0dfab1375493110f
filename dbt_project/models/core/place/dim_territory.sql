{{ config(pre_hook="{{ replace_rows(is_rebuilt()) }}") }}

with

territories as (

    select * from {{ ref('stg_territory') }}

    where {{ is_rebuilt() }}

),

final as (

    select
        territory_code,
        territory_name,
        country_code,
        timezone,
        is_simulated,
        epsg,
        cell_size_m

    from territories

)

select * from final
