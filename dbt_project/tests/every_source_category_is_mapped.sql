{{ config(severity='warn') }}

-- A code that nothing explains: add it to `categories` of the territory file, then run a build without a window.
select
    territory_code,
    source_category_code,
    count(*) as incident_count
from {{ ref('fct_incident') }}
where category_code = 'unmapped' and {{ in_territory() }} and {{ in_window('occurred_date') }}
group by territory_code, source_category_code
