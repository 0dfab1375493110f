set role owner;

-- The table of each record kind is made of its contract: plugins/observatory/warehouse/raw_schema.py.
create table if not exists raw.territory (
    territory_code text primary key,
    territory_name text not null,
    country_code text not null,
    timezone text not null,
    is_simulated boolean not null,
    epsg integer not null,
    cell_size_m integer not null
);
comment on table raw.territory is 'One row per territory file in use: what it says of the city.';

create table if not exists raw.category_map (
    territory_code text not null,
    source_category_code text not null,
    category_code text not null,
    detection_mode text not null,
    primary key (territory_code, source_category_code)
);
comment on table raw.category_map is 'One row per code of a city''s incidents that its territory file explains.';

create table if not exists raw.rejected (
    territory_code text not null,
    feed_id text not null,
    row_hash bytea not null,
    kind text not null,
    load_id bigint not null,
    source_record_id text,
    column_name text not null,
    check_name text not null,
    value text,
    reason text not null,
    row_data jsonb not null,
    rejected_at timestamptz not null,
    primary key (territory_code, feed_id, row_hash)
);
comment on table raw.rejected is 'One row per record that broke its contract: which column, which check, which value; kept, never loaded.';

reset role;
