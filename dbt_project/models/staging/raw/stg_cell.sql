with

source as (

    select * from {{ source('raw', 'cell') }}

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
        cell_id,

        -- strings
        district_code,

        -- numerics
        longitude_deg,
        latitude_deg,
        easting_m,
        northing_m,
        cell_size_m,
        epsg,

        -- timestamps
        known_at

    from ranked

    where is_newest and not is_withdrawn

)

select * from newest
