{{ config(pre_hook="{{ replace_rows(is_rebuilt()) }}") }}

with

hours as (

    select * from {{ ref('stg_transit_service_hour') }}

    where
        {{ is_rebuilt() }}
        and line_code is not null
        and hour_start > {{ as_of() }} - interval '28 days'
        and hour_start <= {{ as_of() }}

),

feeds as (

    select * from {{ ref('stg_feed') }}

),

territories as (

    select * from {{ ref('stg_territory') }}

),

running_lines as (

    select distinct
        territory_code,
        line_code

    from hours

),

line_feeds as (

    -- the feeds of a line: if a feed has never named a line, its silence is no information about that line
    select
        territory_code,
        line_code,
        feed_id,
        record_type,
        max(trip_count) > 0 as names_trips

    from hours

    where record_type in ('planned', 'observed')

    group by territory_code, line_code, feed_id, record_type

),

live_feeds as (

    select
        hours.territory_code,
        hours.feed_id,
        max(hours.last_at) as data_as_of,
        max(hours.last_at) >= {{ as_of() }} - greatest(
            interval '30 minutes', 2 * coalesce(max(feeds.cadence_min), 0) * interval '1 minute'
        ) as is_fresh

    from hours

    left join feeds
        on
            hours.territory_code = feeds.territory_code
            and hours.feed_id = feeds.feed_id

    where hours.record_type = 'observed'

    group by hours.territory_code, hours.feed_id

),

seen_lines as (

    select
        line_feeds.territory_code,
        line_feeds.line_code,
        max(live_feeds.data_as_of) as data_as_of,
        max(least(live_feeds.data_as_of, {{ as_of() }})) filter (where live_feeds.is_fresh) as seen_until

    from line_feeds

    inner join live_feeds
        on
            line_feeds.territory_code = live_feeds.territory_code
            and line_feeds.feed_id = live_feeds.feed_id

    where line_feeds.record_type = 'observed'

    group by line_feeds.territory_code, line_feeds.line_code

),

service_lines as (

    select
        running_lines.territory_code,
        running_lines.line_code,
        seen_lines.data_as_of,
        seen_lines.seen_until is null as is_stale,
        -- the hour that is counted is the last one that has ended by then
        coalesce(seen_lines.seen_until, {{ as_of() }}) - interval '1 hour' as counted_until

    from running_lines

    left join seen_lines
        on
            running_lines.territory_code = seen_lines.territory_code
            and running_lines.line_code = seen_lines.line_code

),

feed_hours as (

    select distinct
        territory_code,
        feed_id,
        record_type,
        hour_start

    from hours

),

feed_trips as (

    select
        service_lines.territory_code,
        service_lines.line_code,
        line_feeds.record_type,
        feed_hours.hour_start,
        -- the feed tells of the hour, and of this line nothing: then nothing ran
        case when hours.line_code is null then 0 else nullif(hours.trip_count, 0) end as trip_count

    from service_lines

    inner join line_feeds
        on
            service_lines.territory_code = line_feeds.territory_code
            and service_lines.line_code = line_feeds.line_code

    inner join feed_hours
        on
            line_feeds.territory_code = feed_hours.territory_code
            and line_feeds.feed_id = feed_hours.feed_id
            and line_feeds.record_type = feed_hours.record_type
            and service_lines.counted_until >= feed_hours.hour_start
            and service_lines.counted_until < feed_hours.hour_start + interval '1 hour'

    left join live_feeds
        on
            line_feeds.territory_code = live_feeds.territory_code
            and line_feeds.feed_id = live_feeds.feed_id

    left join hours
        on
            line_feeds.territory_code = hours.territory_code
            and line_feeds.line_code = hours.line_code
            and line_feeds.feed_id = hours.feed_id
            and line_feeds.record_type = hours.record_type
            and feed_hours.hour_start = hours.hour_start

    where line_feeds.names_trips and (line_feeds.record_type = 'planned' or live_feeds.is_fresh)

),

trips as (

    -- feeds that tell of the same line tell of the same trips
    select
        territory_code,
        line_code,
        max(hour_start) as hour_start,
        max(trip_count) filter (where record_type = 'planned') as planned_trip_count,
        max(trip_count) filter (where record_type = 'observed') as observed_trip_count

    from feed_trips

    group by territory_code, line_code

),

delays as (

    select
        service_lines.territory_code,
        service_lines.line_code,
        sum(hours.delay_s_mean * hours.delay_s_count) / sum(hours.delay_s_count) as delay_s_mean

    from service_lines

    inner join hours
        on
            service_lines.territory_code = hours.territory_code
            and service_lines.line_code = hours.line_code
            and service_lines.counted_until < hours.hour_start + interval '1 hour'

    inner join live_feeds
        on
            hours.territory_code = live_feeds.territory_code
            and hours.feed_id = live_feeds.feed_id

    where hours.record_type = 'observed' and hours.delay_s_count > 0 and live_feeds.is_fresh

    group by service_lines.territory_code, service_lines.line_code

),

announced_lines as (

    -- of a disruption without an end only the beginning is known: it stands for an hour after it was last reported
    select distinct
        territory_code,
        line_code

    from hours

    where record_type = 'disrupted' and last_at > {{ as_of() }} - interval '1 hour'

),

measured as (

    select
        service_lines.territory_code,
        service_lines.line_code,
        trips.hour_start,
        trips.planned_trip_count,
        trips.observed_trip_count,
        delays.delay_s_mean,
        service_lines.data_as_of,
        service_lines.is_stale,
        trips.observed_trip_count::double precision / nullif(trips.planned_trip_count, 0) as observed_share,
        announced_lines.line_code is not null as is_announced,
        2 * trips.observed_trip_count < trips.planned_trip_count
        and trips.planned_trip_count - trips.observed_trip_count >= 2 as has_missing_trips,
        delays.delay_s_mean >= 600 as is_late

    from service_lines

    left join trips
        on
            service_lines.territory_code = trips.territory_code
            and service_lines.line_code = trips.line_code

    left join delays
        on
            service_lines.territory_code = delays.territory_code
            and service_lines.line_code = delays.line_code

    left join announced_lines
        on
            service_lines.territory_code = announced_lines.territory_code
            and service_lines.line_code = announced_lines.line_code

),

final as (

    select
        measured.territory_code,
        measured.line_code,
        measured.hour_start,
        measured.planned_trip_count,
        measured.observed_trip_count,
        measured.observed_share,
        measured.delay_s_mean,
        measured.is_announced,
        case
            when measured.is_announced then true
            when measured.has_missing_trips or measured.is_late then true
            -- one sign that says no is enough to know; none at all is not
            when measured.has_missing_trips is not null or measured.is_late is not null then false
        end as is_disrupted,
        measured.data_as_of,
        measured.is_stale,
        {{ as_of() }} as as_of,
        coalesce(territories.is_simulated, false) as is_simulated

    from measured

    left join territories
        on measured.territory_code = territories.territory_code

)

select * from final
