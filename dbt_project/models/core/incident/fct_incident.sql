{{
    config(
        pre_hook=[
            "{{ begin_build(kinds=['incident'], after=['dim_cell']) }}",
            "{{ find_touched(ref('stg_incident_version'), ref('int_incident_versions_conformed')) }}",
            "{{ replace_many_rows(is_touched_incident(ref('stg_incident_version'))) }}",
        ],
        post_hook=["{{ end_build(has_days=true) }}", "analyze {{ this }}"],
        indexes=[{'columns': ['territory_code', 'occurred_date']}]
    )
}}

with

newest as (

    select * from {{ ref('stg_incident') }}

    where {{ is_touched_incident(ref('stg_incident_version')) }}

),

versions as (

    select * from {{ ref('int_incident_versions_conformed') }}

),

final as (

    select
        versions.territory_code,
        versions.feed_id,
        versions.source_record_id,
        versions.version_number,
        versions.record_type,
        versions.occurred_date,
        versions.occurred_from,
        versions.occurred_to,
        versions.occurred_precision,
        versions.reported_at,
        versions.cell_id,
        versions.district_code,
        versions.longitude_deg,
        versions.latitude_deg,
        versions.location_method,
        versions.location_precision_m,
        versions.source_category_code,
        versions.category_code,
        versions.category_group,
        versions.detection_mode,
        versions.is_trainable,
        versions.published_at,
        versions.known_at,
        versions.loaded_at,
        versions.load_id

    from newest

    inner join versions
        on
            newest.territory_code = versions.territory_code
            and newest.feed_id = versions.feed_id
            and newest.source_record_id = versions.source_record_id
            and newest.version_number = versions.version_number

)

-- in order of time, so that a day's rows lie together and both indexes grow at their ends
select * from final

order by territory_code, occurred_date
