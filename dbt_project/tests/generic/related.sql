{#- Every row of the run's territory and window, where `condition` holds, has its row in `to` by these columns. -#}
{% test related(model, columns, to, to_columns=none, condition='true', day_column=none, moment_column=none) %}
select {{ columns | join(', ') }}
from {{ model }}
where
    {{ in_territory() }}
    and {{ condition }}
    and {{ in_window(day_column) if day_column else 'true' }}
    and {{ near_window(moment_column) if moment_column else 'true' }}
    and ({{ columns | join(', ') }}) not in (select {{ (to_columns or columns) | join(', ') }} from {{ to }})
group by {{ columns | join(', ') }}
{% endtest %}
