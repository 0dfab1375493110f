-- Least privilege, stated once; running it again changes nothing.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['owner', 'loader', 'transformer', 'forecaster', 'reader'] loop
        execute format('grant connect on database %I to %I', current_database(), role_name);
    end loop;
    -- COPY of a window goes through a temporary table
    execute format('grant temporary on database %I to loader, transformer, forecaster', current_database());
    -- dbt issues `create schema if not exists`, which asks for the right even where the schema exists
    execute format('grant create on database %I to transformer', current_database());
end
$$;

set role owner;
grant usage on schema raw, ops to loader;
-- the sums of signals may be deleted too, to be written anew: raw_tables.py, where their tables are made
grant select, insert on all tables in schema raw to loader;
grant update on raw.territory to loader;
grant update, delete on raw.category_map to loader;
grant select, insert on ops.load, ops.load_failure, ops.delivery, ops.delivery_refusal to loader;
grant select, insert, update on ops.signal_partition to loader;
grant select, insert, update, delete on ops.withdrawn_at_source to loader;
grant usage on sequence ops.load_load_id_seq to loader;
grant select on ops.feed_health to loader;
grant select, insert, update on ops.territory_state to loader;
grant select, insert, update, delete on ops.feed to loader;
grant usage on schema gov to loader, reader;
grant select, insert on gov.declaration to loader;
grant select on gov.convention to loader, reader;

grant usage on schema raw, ops, ml to transformer;
grant select on all tables in schema raw to transformer;
-- Statistics of what was just loaded, refreshed by who is about to read it: without them the planner takes a city that is
-- new for one row, and joins its rows each with each. Only an owner may analyze a table, so the function runs with its definer's rights.
create or replace function raw.refresh_statistics() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    table_name text;
begin
    for table_name in select tablename from pg_tables where schemaname = 'raw' loop
        execute format('analyze raw.%I', table_name);
    end loop;
end
$$;
revoke all on function raw.refresh_statistics() from public;
grant execute on function raw.refresh_statistics() to transformer;
grant select on ops.load, ops.signal_partition, ops.feed to transformer;
-- dbt moves a model's mark in the transaction that builds it
grant select, insert, update on ops.model_watermark to transformer;
grant select on ml.model, ml.hotspot_forecast, ml.forecast_score, ml.abstention to transformer with grant option;

grant usage on schema ml to forecaster;
grant select, insert on ml.model to forecaster;
grant select, insert, delete on ml.hotspot_forecast, ml.forecast_score, ml.abstention to forecaster;
grant execute on function ml.ensure_forecast_partition(date) to forecaster;

grant usage on schema ops, ml to reader;
grant select on ops.load, ops.feed, ops.feed_health, ops.delivery, ops.delivery_refusal, ops.territory_state to reader;
grant select on ml.model, ml.hotspot_forecast, ml.forecast_score, ml.abstention to reader;
reset role;

-- what dbt builds is the transformer's; readers and the forecaster see core and the marts, not staging
grant usage on schema core to forecaster, reader;
grant usage on schema today, tomorrow to reader;
alter default privileges for role transformer in schema core grant select on tables to forecaster, reader;
alter default privileges for role transformer in schema today grant select on tables to reader;
alter default privileges for role transformer in schema tomorrow grant select on tables to reader;
