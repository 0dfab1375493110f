{{ config(pre_hook="{{ replace_rows('true') }}") }}

with

categories as (

    select * from {{ ref('category') }}

),

final as (

    select
        category_code,
        category_name,
        category_group,
        -- enforcement measures what officers did, and `other` is too mixed for a place to mean anything
        category_group in ('violent', 'property', 'disorder') as is_forecast_group

    from categories

)

select * from final
