-- Counts that differ between a map and a table end trust: on every local day the cells add up to the incidents.
with

incidents as (

    select
        territory_code,
        occurred_date,
        count(*) as incident_count

    from {{ ref('fct_incident') }}

    where {{ in_territory() }}

    group by territory_code, occurred_date

),

cells as (

    select
        territory_code,
        occurred_date,
        sum(incident_count) as incident_count

    from {{ ref('fct_incident_cell_day') }}

    where {{ in_territory() }}

    group by territory_code, occurred_date

),

final as (

    select
        incidents.incident_count as incidents_counted,
        cells.incident_count as cells_counted,
        coalesce(incidents.territory_code, cells.territory_code) as territory_code,
        coalesce(incidents.occurred_date, cells.occurred_date) as occurred_date

    from incidents

    full outer join cells
        on
            incidents.territory_code = cells.territory_code
            and incidents.occurred_date = cells.occurred_date

    where incidents.incident_count is distinct from cells.incident_count

)

select * from final
