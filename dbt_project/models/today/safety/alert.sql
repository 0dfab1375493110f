{{ config(pre_hook="{{ replace_rows(is_rebuilt()) }}") }}

with

alerts as (

    select * from {{ ref('stg_video_alert') }}

    where
        {{ is_rebuilt() }}
        and occurred_from > {{ as_of() }} - interval '2 days'
        and occurred_from <= {{ as_of() }}

),

territories as (

    select * from {{ ref('stg_territory') }}

),

followed as (

    select
        *,
        -- what follows its like within five minutes tells of the same thing
        (
            occurred_from - lag(occurred_from) over like_it <= interval '5 minutes'
        ) is not true as is_first,
        occurred_from > {{ as_of() }} - interval '1 day'
        and coalesce(occurred_to > {{ as_of() }}, true) as is_open

    from alerts

    window like_it as (
        partition by territory_code, feed_id, camera_code, category order by occurred_from, source_record_id
    )

),

numbered as (

    select
        *,
        count(*) filter (where is_first) over (
            partition by territory_code, feed_id, camera_code, category
            order by occurred_from, source_record_id
        ) as occasion_number

    from followed

),

occasions as (

    select
        territory_code,
        feed_id,
        camera_code,
        category,
        min(occurred_from) as raised_at,
        max(occurred_from) as last_raised_at,
        count(*)::integer as alert_count,
        max(
            array_position(array['informational', 'low', 'medium', 'high', 'critical'], severity)
        ) as severity_rank,
        max(confidence) as confidence,
        max(cell_id) as cell_id,
        max(district_code) as district_code,
        max(longitude_deg) as longitude_deg,
        max(latitude_deg) as latitude_deg

    from numbered

    group by territory_code, feed_id, camera_code, category, occasion_number

    having bool_or(is_open)

),

final as (

    select
        occasions.territory_code,
        occasions.feed_id,
        occasions.camera_code,
        occasions.category,
        occasions.raised_at,
        occasions.last_raised_at,
        occasions.alert_count,
        (array['informational', 'low', 'medium', 'high', 'critical'])[occasions.severity_rank] as severity,
        occasions.confidence,
        occasions.cell_id,
        occasions.district_code,
        occasions.longitude_deg,
        occasions.latitude_deg,
        {{ as_of() }} as as_of,
        coalesce(territories.is_simulated, false) as is_simulated

    from occasions

    left join territories
        on occasions.territory_code = territories.territory_code

)

select * from final
