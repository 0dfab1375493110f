{#- Columns of an hour of `hours` on the clock of its city in `territories`: local day, which joins dim_date, and hour. -#}
{% macro local_hour() -%}
    (hours.hour_start at time zone territories.timezone)::date as local_date,
    extract(hour from hours.hour_start at time zone territories.timezone)::integer as hour_of_day
{%- endmacro %}
