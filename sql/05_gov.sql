set role owner;

create table if not exists gov.declaration (
    declaration_id bigint generated always as identity primary key,
    territory_code text not null,
    feed_id text not null,
    kind text not null,
    licence text,
    partner text,
    purpose text,
    legal_basis text,
    document text,
    start_date date,
    end_date date,
    is_declared boolean not null,
    declared_at timestamptz not null,
    constraint licence_or_convention check (num_nonnulls(licence, partner) = 1)
);
comment on table gov.declaration is 'One row per change of the terms that a territory file declares for a feed; is_declared is false where it names the feed no longer.';
create index if not exists declaration_feed on gov.declaration (territory_code, feed_id, declaration_id);

create or replace view gov.convention as
select
    newest.territory_code,
    newest.feed_id,
    newest.kind,
    newest.licence,
    newest.partner,
    newest.purpose,
    newest.legal_basis,
    newest.document,
    newest.start_date,
    newest.end_date,
    newest.licence is not null or (now() at time zone territory.timezone)::date
    between newest.start_date and newest.end_date as is_live,
    newest.declared_at
from (
    select distinct on (territory_code, feed_id) *
    from gov.declaration
    order by territory_code, feed_id, declaration_id desc
) as newest
inner join raw.territory as territory on newest.territory_code = territory.territory_code
where newest.is_declared;
comment on view gov.convention is 'One row per feed: the licence or the convention under which it loads, and whether that is live today.';

reset role;
