{{
    config(
        pre_hook=[
            "{{ begin_build(after=['fct_incident']) }}",
            "{{ find_touched(ref('stg_incident_version'), ref('int_incident_versions_conformed')) }}",
            "{{ replace_many_rows(is_touched_day(ref('stg_incident_version'), ref('int_incident_versions_conformed'))) }}",
        ],
        post_hook=["{{ end_build(has_days=true) }}", "analyze {{ this }}"]
    )
}}

with

incidents as (

    -- in order of the keys, which an index of the table gives day by day: grouping then needs no large sort, and rows
    -- go in at the end of the primary key
    select * from {{ ref('fct_incident') }}

    where
        {{ is_touched_day(ref('stg_incident_version'), ref('int_incident_versions_conformed')) }}

    order by territory_code, occurred_date, cell_id, category_code, category_group, detection_mode, is_trainable

),

final as (

    select
        territory_code,
        occurred_date,
        cell_id,
        category_code,
        category_group,
        detection_mode,
        is_trainable,
        count(*)::integer as incident_count

    from incidents

    group by territory_code, occurred_date, cell_id, category_code, category_group, detection_mode, is_trainable

)

select * from final
