{#-
    No two rows of the run's territory share these columns. `condition` narrows the rows; `moment_column` bounds them to the
    run's window.
-#}
{% test unique_combination(model, columns, condition='true', moment_column=none) %}
select
    {{ columns | join(', ') }},
    count(*) as row_count
from {{ model }}
where {{ in_territory() }} and {{ condition }} and {{ near_window(moment_column) if moment_column else 'true' }}
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
