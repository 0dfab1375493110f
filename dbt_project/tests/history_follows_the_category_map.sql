{{ config(severity='warn', group='observatory') }}

-- The map changed, and a windowed run has rebuilt recent days alone: run a build without a window once.
with

held as (

    select distinct
        territory_code,
        source_category_code,
        category_code

    from {{ ref('fct_incident') }}

    where {{ in_territory() }}

),

final as (

    select
        held.territory_code,
        held.source_category_code,
        held.category_code as held_category_code,
        category_map.category_code as mapped_category_code

    from held

    left join {{ ref('int_category_map') }} as category_map
        on
            held.territory_code = category_map.territory_code
            and held.source_category_code = category_map.source_category_code

    where held.category_code <> coalesce(category_map.category_code, 'unmapped')

)

select * from final
