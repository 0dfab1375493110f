{{ config(pre_hook="{{ replace_rows(is_rebuilt()) }}") }}

with

hours as (

    select * from {{ ref('stg_traffic_measure_hour') }}

    where
        {{ is_rebuilt() }}
        and hour_start > {{ as_of() }} - interval '28 days'
        and hour_start <= {{ as_of() }}

),

feeds as (

    select * from {{ ref('stg_feed') }}

),

territories as (

    select * from {{ ref('stg_territory') }}

),

newest as (

    select distinct on (territory_code, feed_id, site_code) *

    from hours

    order by territory_code asc, feed_id asc, site_code asc, hour_start desc

),

free_flow as (

    -- a day of hours, for the nights alone are free
    select
        territory_code,
        feed_id,
        site_code,
        percentile_cont(0.85) within group (order by speed_kmh_mean) as free_flow_speed_kmh

    from hours

    group by territory_code, feed_id, site_code

    having count(speed_kmh_mean) >= 24

),

measured as (

    select
        newest.*,
        free_flow.free_flow_speed_kmh,
        greatest(
            0, 1 - newest.speed_kmh_last / nullif(free_flow.free_flow_speed_kmh, 0)
        ) as slowed_share

    from newest

    left join free_flow
        on
            newest.territory_code = free_flow.territory_code
            and newest.feed_id = free_flow.feed_id
            and newest.site_code = free_flow.site_code

),

final as (

    select
        measured.territory_code,
        measured.feed_id,
        measured.site_code,
        measured.cell_id,
        measured.district_code,
        measured.longitude_deg,
        measured.latitude_deg,
        measured.flow_veh_h_last as flow_veh_h,
        measured.occupancy_pct_last as occupancy_pct,
        measured.speed_kmh_last as speed_kmh,
        measured.free_flow_speed_kmh,
        -- greatest() passes over null: what was not measured is not a road without congestion
        case
            when measured.speed_kmh_last is not null and measured.free_flow_speed_kmh > 0 then measured.slowed_share
        end as congestion_index,
        case
            when measured.speed_kmh_last is not null and measured.free_flow_speed_kmh > 0
                then measured.slowed_share >= 0.5
        end as is_jammed,
        measured.last_at as data_as_of,
        measured.last_at
        < {{ as_of() }} - greatest(interval '30 minutes', 2 * coalesce(feeds.cadence_min, 0) * interval '1 minute')
            as is_stale,
        {{ as_of() }} as as_of,
        coalesce(territories.is_simulated, false) as is_simulated

    from measured

    left join feeds
        on
            measured.territory_code = feeds.territory_code
            and measured.feed_id = feeds.feed_id

    left join territories
        on measured.territory_code = territories.territory_code

)

select * from final
