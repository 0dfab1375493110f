{#- The moment that live marts are of, as text with an offset in the variable as_of; the present one by default. -#}
{% macro as_of() -%}
    {%- set pattern = '\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(Z|[+-]\\d{2}:\\d{2})' -%}
    {%- set moment = scope_variable('as_of', pattern, '2026-03-01T12:00:00+00:00') -%}
    {{ 'now()' if moment is none else "timestamp with time zone '" ~ moment ~ "'" }}
{%- endmacro %}
