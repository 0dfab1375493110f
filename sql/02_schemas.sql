-- The schema public is empty; only the superuser can create objects in it.
revoke all on schema public from public;
do $$ begin execute format('revoke all on database %I from public', current_database()); end $$;

create schema if not exists raw authorization owner;
create schema if not exists ops authorization owner;
create schema if not exists ml authorization owner;
create schema if not exists gov authorization owner;
create schema if not exists staging authorization transformer;
create schema if not exists core authorization transformer;
create schema if not exists today authorization transformer;
create schema if not exists tomorrow authorization transformer;
comment on schema raw is 'Records as delivered, less personal columns: every version, never updated.';
comment on schema ops is 'Loads and feed health: what was read, accepted, rejected, unchanged.';
comment on schema gov is 'Under which licence or convention each feed loads.';
comment on schema ml is 'Models, forecasts and their scores.';
comment on schema staging is 'The newest version of each record, renamed and typed; views.';
comment on schema core is 'Conformed dimensions and facts.';
comment on schema today is 'Appraise: the city as of now.';
comment on schema tomorrow is 'Anticipate: hotspots and the skill of their forecast.';
