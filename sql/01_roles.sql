-- One role per duty; each logs in with its own password and holds only what its duty needs (06_grants.sql).
--   owner        owns every schema and table; bootstrap and migrations
--   loader       writes raw and ops
--   transformer  reads raw and ml, writes staging, core and the marts (dbt)
--   forecaster   reads core, writes ml
--   reader       reads core, the marts, ml and ops.load; never raw
do $$
declare
    role_name text;
begin
    foreach role_name in array array['owner', 'loader', 'transformer', 'forecaster', 'reader'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login nosuperuser nocreatedb nocreaterole noinherit', role_name);
        end if;
    end loop;
    -- whoever bootstraps must be able to act as those who own schemas; a superuser is anyway
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant owner, transformer to %I', current_user);
    end if;
end
$$;
