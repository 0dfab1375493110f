set role owner;

create table if not exists ops.delivery (
    territory_code text not null,
    feed_id text not null,
    file_name text not null,
    received_at timestamptz not null,
    sha256 text not null,
    byte_count bigint not null,
    load_id bigint not null,
    primary key (territory_code, feed_id, file_name, received_at)
);
comment on table ops.delivery is 'One row per file taken from a partner''s inbox, written by the load that holds its records.';
create index if not exists delivery_content on ops.delivery (territory_code, feed_id, sha256);

create table if not exists ops.delivery_refusal (
    refusal_id bigint generated always as identity primary key,
    territory_code text not null,
    feed_id text not null,
    file_name text not null,
    received_at timestamptz not null,
    sha256 text not null,
    refused_at timestamptz not null,
    error_type text not null,
    found text not null,
    expected text not null
);
do $$
begin
    if exists (
        select from pg_attribute
        where attrelid = 'ops.delivery_refusal'::regclass and attname = 'came' and not attisdropped
    ) then
        alter table ops.delivery_refusal rename column came to found;
    end if;
end $$;
comment on table ops.delivery_refusal is 'One row per refusal of a file, which stays in the inbox; the reason has nothing of its content, so that the partner may read it.';
create index if not exists delivery_refusal_content on ops.delivery_refusal (territory_code, feed_id, sha256);

reset role;
