{#- Mean over days, each weighing as many as its incidents; days without a value, having had none, do not count. -#}
{% macro weighted_by_incidents(column) -%}
    sum({{ column }} * incident_count) / nullif(sum(incident_count) filter (where {{ column }} is not null), 0)
{%- endmacro %}

{#- Texts as a list of SQL literals. -#}
{% macro quoted(texts) -%}
    {% for text in texts %}{{ dbt.string_literal(text) }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
