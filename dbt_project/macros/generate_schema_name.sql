{#- A model's schema is exactly the one it names: there is one warehouse, and roles are granted schemas by name. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name or target.schema }}
{%- endmacro %}
