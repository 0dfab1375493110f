{#-
    What every fact of hours has beside its own columns: the city's name for the hour, and the cell. A model of hours reads
    its staging model `as hours`, and then joins the city and, where its rows have a place, the cell.
-#}

{#- Columns: whether the city is simulated, the local day, which joins dim_date, the hour of the clock, and the cell. -#}
{% macro hour_columns(has_cell=true) -%}
    territories.is_simulated,
    (hours.hour_start at time zone territories.timezone)::date as local_date,
    extract(hour from hours.hour_start at time zone territories.timezone)::integer as hour_of_day
    {%- if has_cell %},
    coalesce(cells.cell_id, 'unlocated') as cell_id
    {%- endif %}
{%- endmacro %}

{#- The joins that hour_columns needs. -#}
{% macro hour_joins(has_cell=true) -%}
    inner join {{ ref('dim_territory') }} as territories
        on hours.territory_code = territories.territory_code
    {%- if has_cell %}
    left join {{ ref('dim_cell') }} as cells
        on
            hours.territory_code = cells.territory_code
            and hours.cell_id = cells.cell_id
    {%- endif %}
{%- endmacro %}
