set role owner;

-- Every kind's raw table has the same first columns: whose record, which version, when known, by which load.
create table if not exists raw.incident (
    territory_code text not null,
    feed_id text not null,
    source_record_id text not null,
    version_number integer not null,
    content_hash bytea not null,
    is_withdrawn boolean not null default false,
    published_at timestamptz,
    known_at timestamptz not null,
    loaded_at timestamptz not null,
    load_id bigint not null,
    record_type text not null,
    source_category_code text not null,
    description text,
    detection_mode text,
    occurred_from timestamptz not null,
    occurred_to timestamptz not null,
    occurred_precision text not null,
    reported_at timestamptz,
    longitude_deg double precision,
    latitude_deg double precision,
    location_method text not null,
    location_precision_m double precision,
    cell_id text,
    district_code text,
    primary key (territory_code, feed_id, source_record_id, version_number)
);
comment on table raw.incident is 'One row per version of an incident record; is_withdrawn marks a version that closes it.';
create index if not exists incident_occurred on raw.incident using brin (occurred_from) with (pages_per_range = 32);

create table if not exists raw.zone (
    territory_code text not null,
    feed_id text not null,
    source_record_id text not null,
    version_number integer not null,
    content_hash bytea not null,
    is_withdrawn boolean not null default false,
    published_at timestamptz,
    known_at timestamptz not null,
    loaded_at timestamptz not null,
    load_id bigint not null,
    zone_type text not null,
    zone_code text not null,
    zone_name text not null,
    geometry_wkt text not null,
    area_km2 double precision not null,
    primary key (territory_code, feed_id, source_record_id, version_number)
);
comment on table raw.zone is 'One row per version of a zone (city boundary or district); geometry in WGS 84, longitude first.';

create table if not exists raw.cell (
    territory_code text not null,
    feed_id text not null,
    source_record_id text not null,
    version_number integer not null,
    content_hash bytea not null,
    is_withdrawn boolean not null default false,
    published_at timestamptz,
    known_at timestamptz not null,
    loaded_at timestamptz not null,
    load_id bigint not null,
    cell_id text not null,
    district_code text,
    longitude_deg double precision not null,
    latitude_deg double precision not null,
    easting_m double precision not null,
    northing_m double precision not null,
    cell_size_m integer not null,
    epsg integer not null,
    primary key (territory_code, feed_id, source_record_id, version_number)
);
comment on table raw.cell is 'One row per version of a grid cell whose centre lies in the city boundary; the position is that of the centre.';

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
