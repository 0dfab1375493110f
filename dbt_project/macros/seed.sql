{#- A seed's rows are deleted, not truncated: a reader with an older snapshot would see a truncated table as empty. -#}
{% macro postgres__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- if full_refresh -%}
        {{ return(default__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
    {%- endif -%}
    {%- set emptied = 'delete from ' ~ old_relation -%}
    {%- call statement('empty_seed') -%} {{ emptied }} {%- endcall -%}
    {{ return(emptied) }}
{%- endmacro %}
