set role owner;

create table if not exists ops.load (
    load_id bigint generated always as identity primary key,
    territory_code text not null,
    feed_id text not null,
    kind text not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    started_at timestamptz not null,
    loaded_at timestamptz not null,
    read_count bigint not null,
    accepted_count bigint not null,
    rejected_count bigint not null,
    unchanged_count bigint not null,
    outside_count bigint not null default 0,
    corrected_count bigint not null,
    withdrawn_count bigint not null,
    constraint load_balances check (read_count = accepted_count + rejected_count + unchanged_count + outside_count)
);
-- databases created before outside_count existed
do $$
begin
    if not exists (
        select from information_schema.columns
        where table_schema = 'ops' and table_name = 'load' and column_name = 'outside_count'
    ) then
        alter table ops.load
        add column outside_count bigint not null default 0,
        drop constraint load_balances,
        add constraint load_balances check (
            read_count = accepted_count + rejected_count + unchanged_count + outside_count
        );
    end if;
end $$;
comment on table ops.load is 'One row per window of a feed that was loaded; accepted_count includes corrected_count, outside_count are records beyond the bounds of the city that the feed drops, withdrawn_count are versions that close records no longer listed.';
create index if not exists load_feed on ops.load (territory_code, feed_id, load_id);

create table if not exists ops.load_failure (
    failure_id bigint generated always as identity primary key,
    territory_code text not null,
    feed_id text not null,
    kind text not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    failed_at timestamptz not null,
    error_type text not null,
    message text not null
);
comment on table ops.load_failure is 'One row per window that was refused: nothing of it was loaded, earlier data was kept.';
create index if not exists load_failure_feed on ops.load_failure (territory_code, feed_id, failure_id);

-- the table had another name before
do $$
begin
    if to_regclass('ops.unlisted') is not null and to_regclass('ops.withdrawn_at_source') is null then
        alter table ops.unlisted rename to withdrawn_at_source;
    end if;
end $$;
create table if not exists ops.withdrawn_at_source (
    territory_code text not null,
    feed_id text not null,
    source_record_id text not null,
    version_number integer not null,
    load_id bigint not null,
    primary key (territory_code, feed_id, source_record_id)
);
comment on table ops.withdrawn_at_source is 'One row per record that a window of a history no longer listed, until all its windows are read: then it is closed, unless another listed it.';

create table if not exists ops.signal_partition (
    territory_code text not null,
    feed_id text not null,
    day date not null,
    kind text not null,
    file_name text not null,
    row_count bigint not null,
    byte_count bigint not null,
    load_id bigint not null,
    updated_at timestamptz not null,
    primary key (territory_code, feed_id, day)
);
comment on table ops.signal_partition is 'One row per signal feed and local day: the Parquet file that holds its records. A file that no row names does not count.';

create table if not exists ops.feed (
    territory_code text not null,
    feed_id text not null,
    kind text not null,
    owner text not null,
    cadence_min integer,
    correction_days integer not null,
    is_live boolean not null,
    declared_at timestamptz not null default clock_timestamp(),
    primary key (territory_code, feed_id)
);
comment on table ops.feed is 'One row per feed that a territory file declares: kind, owner, minutes between the runs of a live one (null where it is read once a day), days back to which it corrects itself; declared_at is when the file first said so.';

-- Added to only at the end: a view is replaced in place as long as its first columns stay.
create or replace view ops.feed_health as
with

feeds as (

    select territory_code, feed_id from ops.feed
    union
    select territory_code, feed_id from ops.load
    union
    select territory_code, feed_id from ops.load_failure

),

declared as (

    select
        feeds.territory_code,
        feeds.feed_id,
        feed.kind,
        feed.owner,
        feed.cadence_min,
        feed.declared_at,
        -- a feed read once a day has two hours more than the day; a live one may miss one run
        case when feed.cadence_min is null then interval '26 hours' else 2 * feed.cadence_min * interval '1 minute' end as grace,
        -- six runs, and not more than a day, for the same stretch of the days before is looked at
        least(6 * coalesce(feed.cadence_min, 1440) * interval '1 minute', interval '1 day') as stretch
    from feeds
    left join ops.feed as feed on feeds.territory_code = feed.territory_code and feeds.feed_id = feed.feed_id

),

recent as (

    select
        load.*,
        now() - load.loaded_at as age,
        floor(extract(epoch from now() - load.loaded_at) / 86400)::integer as days_ago
    from ops.load as load
    where load.loaded_at > now() - interval '29 days'

),

by_day as (

    select
        recent.territory_code,
        recent.feed_id,
        recent.days_ago,
        count(*) as load_count,
        sum(recent.read_count)::bigint as read_count,
        sum(recent.accepted_count)::bigint as accepted_count,
        sum(recent.rejected_count)::bigint as rejected_count,
        sum(recent.rejected_count)::double precision / nullif(sum(recent.read_count - recent.outside_count), 0) as rejected_share,
        count(*) filter (where recent.age - recent.days_ago * interval '1 day' < declared.stretch) as stretch_load_count,
        coalesce(
            sum(recent.accepted_count) filter (where recent.age - recent.days_ago * interval '1 day' < declared.stretch), 0
        ) as stretch_accepted_count
    from recent
    inner join declared on recent.territory_code = declared.territory_code and recent.feed_id = declared.feed_id
    group by recent.territory_code, recent.feed_id, recent.days_ago

),

usual as (

    select
        territory_code,
        feed_id,
        percentile_cont(0.5) within group (order by rejected_share) as rejected_share_28d,
        count(rejected_share) as rejected_day_count,
        count(*) filter (where stretch_load_count > 0) as stretch_day_count,
        avg((stretch_accepted_count > 0)::integer) filter (where stretch_load_count > 0) as stretch_share_with_records
    from by_day
    where days_ago between 1 and 28
    group by territory_code, feed_id

)

select
    declared.territory_code,
    declared.feed_id,
    last_load.loaded_at as last_loaded_at,
    last_load.window_end as last_window_end,
    last_load.read_count as last_read_count,
    last_load.rejected_count as last_rejected_count,
    last_failure.failed_at as last_failed_at,
    last_failure.message as last_failure_message,
    coalesce(last_failure.failed_at > last_load.loaded_at, last_load.loaded_at is null) as is_failing,
    declared.kind,
    declared.owner,
    declared.cadence_min,
    coalesce(last_load.loaded_at, declared.declared_at) + declared.grace as expected_by,
    coalesce(now() > coalesce(last_load.loaded_at, declared.declared_at) + declared.grace, false) as is_late,
    coalesce(
        last_day.stretch_load_count > 0
        and last_day.stretch_accepted_count = 0
        and usual.stretch_day_count >= 7
        and usual.stretch_share_with_records >= 0.8,
        false
    ) as is_silent,
    coalesce(last_day.load_count, 0) as load_count_24h,
    coalesce(last_day.read_count, 0) as read_count_24h,
    coalesce(last_day.accepted_count, 0) as accepted_count_24h,
    coalesce(last_day.rejected_count, 0) as rejected_count_24h,
    last_day.rejected_share as rejected_share_24h,
    usual.rejected_share_28d,
    coalesce(
        usual.rejected_day_count >= 7 and last_day.rejected_share > 2 * usual.rejected_share_28d + 0.01, false
    ) as is_drifting
from declared
left join by_day as last_day
    on
        declared.territory_code = last_day.territory_code
        and declared.feed_id = last_day.feed_id
        and last_day.days_ago = 0
left join usual on declared.territory_code = usual.territory_code and declared.feed_id = usual.feed_id
left join lateral (
    select * from ops.load
    where load.territory_code = declared.territory_code and load.feed_id = declared.feed_id
    order by load_id desc limit 1
) as last_load on true
left join lateral (
    select * from ops.load_failure
    where load_failure.territory_code = declared.territory_code and load_failure.feed_id = declared.feed_id
    order by failure_id desc limit 1
) as last_failure on true;
comment on view ops.feed_health is 'One row per feed: its last load and refusal; whether it is failing (the refusal is the newer), late (not loaded within twice its cadence, or 26 hours), silent (its last six runs brought nothing new, where on 8 of 10 days before they did) or drifting (over a day, more than twice the usual share of records was rejected, and one in a hundred more).';

reset role;
