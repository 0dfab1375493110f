set role owner;

create table if not exists ml.model (
    model_id text primary key,
    territory_code text not null,
    category_group text not null,
    method text not null,
    trained_from date not null,
    trained_through date not null,
    data_as_of timestamptz not null,
    training_incident_count bigint not null,
    parameters jsonb not null,
    model_text text not null,
    library_versions jsonb not null
);
comment on table ml.model is 'One row per trained model; model_id is the hash of its text, parameters and inputs, so the same training is the same row.';

create table if not exists ml.hotspot_forecast (
    territory_code text not null,
    category_group text not null,
    forecast_date date not null,
    cell_id text not null,
    horizon_days smallint not null,
    model_id text not null,
    data_as_of timestamptz not null,
    expected_count double precision not null check (expected_count >= 0),
    probability_any double precision not null check (probability_any between 0 and 1),
    risk_rank integer not null check (risk_rank >= 1),
    primary key (territory_code, forecast_date, category_group, horizon_days, cell_id)
) partition by range (forecast_date);
comment on table ml.hotspot_forecast is 'One row per territory, category group, forecast day, horizon and cell: incidents expected, the probability of at least one, rank 1 = highest.';
-- Null only in rows written before. Looked up first: `alter table` waits for all who use the table, even to change nothing.
do $$
begin
    if not exists (
        select from pg_attribute where attrelid = 'ml.hotspot_forecast'::regclass and attname = 'upper_80'
    ) then
        alter table ml.hotspot_forecast
            add column lower_80 integer,
            add column upper_80 integer,
            add constraint interval_is_ordered check (lower_80 between 0 and upper_80);
    end if;
end
$$;
comment on column ml.hotspot_forecast.lower_80 is '10 % quantile of the count.';
comment on column ml.hotspot_forecast.upper_80 is '90 % quantile of the count.';

create table if not exists ml.forecast_score (
    territory_code text not null,
    category_group text not null,
    forecast_date date not null,
    horizon_days smallint not null,
    evaluation text not null check (evaluation in ('live', 'backtest')),
    method text not null,
    model_id text,
    data_as_of timestamptz not null,
    cell_count integer not null,
    incident_count integer not null,
    expected_count double precision not null,
    poisson_deviance double precision not null,
    log_score double precision not null,
    flat_log_score double precision not null,
    hit_rate_1 double precision,
    hit_rate_2 double precision,
    hit_rate_5 double precision,
    pai_1 double precision,
    pai_2 double precision,
    pai_5 double precision,
    pei_1 double precision,
    pei_2 double precision,
    pei_5 double precision,
    primary key (territory_code, forecast_date, category_group, horizon_days, evaluation, method)
);
comment on table ml.forecast_score is 'One row per forecast day, category group and method, ours beside the baselines; live = the forecast as it was issued, backtest = rolling origin without look-ahead.';

create table if not exists ml.abstention (
    territory_code text not null,
    category_group text not null,
    forecast_date date not null,
    data_as_of timestamptz not null,
    reason text not null,
    primary key (territory_code, forecast_date, category_group)
);
comment on table ml.abstention is 'One row per forecast that was not made, and why.';

-- The month partition of a day, made on demand by whoever writes a forecast; a definer's right, so the writer needs none.
create or replace function ml.ensure_forecast_partition(day date) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    month_start date := date_trunc('month', day)::date;
    partition_name text := 'hotspot_forecast_' || to_char(month_start, 'YYYY_MM');
begin
    perform pg_advisory_xact_lock(hashtext('ml.hotspot_forecast'));
    if to_regclass('ml.' || partition_name) is null then
        execute format(
            'create table ml.%I partition of ml.hotspot_forecast for values from (%L) to (%L)',
            partition_name, month_start, (month_start + interval '1 month')::date
        );
    end if;
end
$$;
revoke all on function ml.ensure_forecast_partition(date) from public;

reset role;
