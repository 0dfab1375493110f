{{ config(pre_hook="{{ replace_rows(is_rebuilt()) }}") }}

with

zones as (

    select * from {{ ref('stg_zone') }}

    where {{ is_rebuilt() }}

),

final as (

    select
        territory_code,
        zone_type,
        zone_code,
        zone_name,
        area_km2,
        geometry_wkt

    from zones

)

select * from final
