with

source as (

    select * from {{ source('raw', 'zone') }}

),

ranked as (

    select
        *,
        version_number = max(version_number) over (partition by territory_code, feed_id, source_record_id) as is_newest

    from source

),

newest as (

    select
        -- ids
        territory_code,
        feed_id,
        source_record_id,
        version_number,

        -- strings
        zone_type,
        zone_code,
        zone_name,
        geometry_wkt,

        -- numerics
        area_km2,

        -- timestamps
        known_at

    from ranked

    where is_newest and not is_withdrawn

)

select * from newest
