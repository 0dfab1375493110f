{{
    config(
        pre_hook=["{{ begin_build(kinds=['cell']) }}", "{{ replace_rows(is_rebuilt()) }}"],
        post_hook=["{{ end_build() }}", "analyze {{ this }}"]
    )
}}

with

cells as (

    select * from {{ ref('stg_cell') }}

    where {{ is_rebuilt() }}

),

territories as (

    select * from {{ ref('stg_territory') }}

    where {{ is_rebuilt() }}

),

located as (

    select
        territory_code,
        cell_id,
        district_code,
        longitude_deg,
        latitude_deg,
        easting_m,
        northing_m,
        cell_size_m,
        epsg,
        true as is_forecast_cell

    from cells

),

unlocated as (

    select
        territory_code,
        'unlocated' as cell_id,
        null as district_code,
        null::double precision as longitude_deg,
        null::double precision as latitude_deg,
        null::double precision as easting_m,
        null::double precision as northing_m,
        cell_size_m,
        epsg,
        false as is_forecast_cell

    from territories

),

final as (

    select * from located

    union all

    select * from unlocated

)

select * from final
