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
    corrected_count bigint not null,
    withdrawn_count bigint not null,
    constraint load_balances check (read_count = accepted_count + rejected_count + unchanged_count)
);
comment on table ops.load is 'One row per window of a feed that was loaded; accepted_count includes corrected_count, withdrawn_count are versions that close records no longer listed.';
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
comment on table ops.load_failure is 'One row per window that was refused: nothing of it was loaded, the last good data stayed.';
create index if not exists load_failure_feed on ops.load_failure (territory_code, feed_id, failure_id);

create table if not exists ops.unlisted (
    territory_code text not null,
    feed_id text not null,
    source_record_id text not null,
    version_number integer not null,
    load_id bigint not null,
    primary key (territory_code, feed_id, source_record_id)
);
comment on table ops.unlisted is 'One row per record that a window of a history no longer listed, until all its windows are read: then it is closed, unless another listed it.';

create or replace view ops.feed_health as
select
    feed.territory_code,
    feed.feed_id,
    last_load.loaded_at as last_loaded_at,
    last_load.window_end as last_window_end,
    last_load.read_count as last_read_count,
    last_load.rejected_count as last_rejected_count,
    last_failure.failed_at as last_failed_at,
    last_failure.message as last_failure_message,
    coalesce(last_failure.failed_at > last_load.loaded_at, last_load.loaded_at is null) as is_failing
from (
    select territory_code, feed_id from ops.load
    union
    select territory_code, feed_id from ops.load_failure
) as feed
left join lateral (
    select * from ops.load
    where load.territory_code = feed.territory_code and load.feed_id = feed.feed_id
    order by load_id desc limit 1
) as last_load on true
left join lateral (
    select * from ops.load_failure
    where load_failure.territory_code = feed.territory_code and load_failure.feed_id = feed.feed_id
    order by failure_id desc limit 1
) as last_failure on true;
comment on view ops.feed_health is 'One row per feed: its last load, its last refusal, and whether the refusal is the newer.';

reset role;
