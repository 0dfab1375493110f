{#-
    Which rows a run rebuilds. The variable territory_code bounds it to one city. Within it:
    - without another variable, everything: a bare `dbt build` is always right, only slower;
    - since_last_build: what the loads since each model's last build touched (macros/watermark.sql);
    - window_start with window_end, local days, half-open: the days given by a person, regardless of what was loaded.
    Tasks set the environment variable OBSERVATORY_BUILD_<NAME> instead of --vars: dbt parses the whole project again when
    a variable of the command line differs from the last run's.
-#}

{#- A variable of the command line, or else of the environment; not read while dbt parses, which would bind the value. -#}
{% macro build_variable(name) -%}
    {{ return(var(name, none) or (env_var('OBSERVATORY_BUILD_' ~ name | upper, '') if execute else none) or none) }}
{%- endmacro %}

{#- The variable as text, or none; anything that is not of the expected form is refused, for it goes into SQL. -#}
{% macro scope_variable(name, pattern, example) -%}
    {%- set value = build_variable(name) -%}
    {%- if value is not none and not modules.re.fullmatch(pattern, value | string) -%}
        {{ exceptions.raise_compiler_error(
            "variable " ~ name ~ ": " ~ value ~ "; expected a value like " ~ example ~ ". Correct it in --vars."
        ) }}
    {%- endif -%}
    {{ return(value) }}
{%- endmacro %}

{#- [window_start, window_end], or none where the window is everything. -#}
{% macro window() -%}
    {%- set day = '\\d{4}-\\d{2}-\\d{2}' -%}
    {%- set start = scope_variable('window_start', day, '2016-12-31') -%}
    {%- set end = scope_variable('window_end', day, '2016-12-31') -%}
    {%- if (start is none) != (end is none) or (start is not none and end | string <= start | string) -%}
        {{ exceptions.raise_compiler_error(
            "variables window_start and window_end: " ~ start ~ " and " ~ end
            ~ "; expected both or neither, the end after the start. Correct them in --vars."
        ) }}
    {%- endif -%}
    {{ return(none if start is none else [start, end]) }}
{%- endmacro %}

{#- Condition: the row belongs to the run's territory. -#}
{% macro in_territory(column='territory_code') -%}
    {%- set code = scope_variable('territory_code', '[a-z][a-z0-9_]*', 'chicago') -%}
    {{ 'true' if code is none else column ~ " = '" ~ code ~ "'" }}
{%- endmacro %}

{#-
    One end of the days that the last build of the incidents rebuilt, which tests look at after a run since the last build.
-#}
{% macro rebuilt_day(aggregate, column) -%}
    (select {{ aggregate }}({{ column }}) from ops.model_watermark where model = 'fct_incident' and {{ in_territory() }})
{%- endmacro %}

{#- Condition: the local day lies in the run's window, or among the days that it rebuilt. -#}
{% macro in_window(day_column) -%}
    {%- set days = window() -%}
    {%- if days is not none -%} ({{ day_column }} >= date '{{ days[0] }}' and {{ day_column }} < date '{{ days[1] }}')
    {%- elif is_since_last_build() -%}
        (
            {{ day_column }} >= {{ rebuilt_day('min', 'first_day') }}
            and {{ day_column }} <= {{ rebuilt_day('max', 'last_day') }}
        )
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}

{#-
    Condition: the moment may lie in the run's window in some time zone (UTC+14 to UTC-12). Wider than in_window, but
    made of constants alone, so that an index on the moment finds the rows.
-#}
{% macro near_window(moment_column) -%}
    {%- set days = window() -%}
    {%- if days is not none -%}
        (
            {{ moment_column }} >= timestamp with time zone '{{ days[0] }} 00:00:00+14'
            and {{ moment_column }} < timestamp with time zone '{{ days[1] }} 00:00:00-12'
        )
    {%- elif is_since_last_build() -%}
        (
            {{ moment_column }} >= ({{ rebuilt_day('min', 'first_day') }} - 1)::timestamp at time zone 'utc'
            and {{ moment_column }} < ({{ rebuilt_day('max', 'last_day') }} + 2)::timestamp at time zone 'utc'
        )
    {%- else -%} true
    {%- endif -%}
{%- endmacro %}
