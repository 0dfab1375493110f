set role owner;

create table if not exists ops.model_watermark (
    territory_code text not null,
    model text not null,
    feed_id text not null,
    kind text not null,
    load_id bigint not null,
    built_at timestamptz not null,
    first_day date,
    last_day date,
    primary key (territory_code, model, feed_id)
);
comment on table ops.model_watermark is 'One row per territory, dbt model and feed: the last load of the feed that the model was built from, and the local days that its last build rebuilt (null where it has none). Without a row, the next build takes in every load of the feed.';

reset role;
