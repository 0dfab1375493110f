{#- The expression is true, not null, of every row of the run's territory and window where `condition` holds. -#}
{% test holds(model, expression, condition='true', day_column=none, moment_column=none) %}
select *
from {{ model }}
where
    {{ in_territory() }}
    and {{ condition }}
    and {{ in_window(day_column) if day_column else 'true' }}
    and {{ near_window(moment_column) if moment_column else 'true' }}
    and ({{ expression }}) is not true
{% endtest %}
