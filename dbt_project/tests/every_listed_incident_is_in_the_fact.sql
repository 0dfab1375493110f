-- What the sources still list is what the fact holds, version by version, on the days this run rebuilt.
with

listed as (

    select
        newest.territory_code,
        newest.feed_id,
        newest.source_record_id,
        newest.version_number

    from {{ ref('stg_incident') }} as newest

    inner join {{ ref('dim_territory') }} as territories
        on newest.territory_code = territories.territory_code

    where
        {{ in_territory('newest.territory_code') }}
        and {{ near_window('newest.occurred_from') }}
        and {{ in_window('(newest.occurred_from at time zone territories.timezone)::date') }}

),

held as (

    select
        territory_code,
        feed_id,
        source_record_id,
        version_number

    from {{ ref('fct_incident') }}

    where {{ in_territory() }} and {{ in_window('occurred_date') }}

),

final as (

    select
        coalesce(listed.territory_code, held.territory_code) as territory_code,
        coalesce(listed.feed_id, held.feed_id) as feed_id,
        coalesce(listed.source_record_id, held.source_record_id) as source_record_id,
        coalesce(listed.version_number, held.version_number) as version_number,
        listed.territory_code is not null as is_listed

    from listed

    full outer join held
        on
            listed.territory_code = held.territory_code
            and listed.feed_id = held.feed_id
            and listed.source_record_id = held.source_record_id
            and listed.version_number = held.version_number

    where listed.territory_code is null or held.territory_code is null

)

select * from final
