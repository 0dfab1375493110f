set role owner;

create table if not exists ops.territory_state (
    territory_code text primary key,
    is_in_use boolean not null default false,
    today date,
    portal text,
    updated_at timestamptz not null default now()
);
comment on table ops.territory_state is 'One row per city that this installation uses or reads otherwise than its file says: today overrides the calendar, portal the addresses of its feeds.';

reset role;
