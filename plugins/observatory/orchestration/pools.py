"""Airflow's pools, by which tasks that wait are kept from occupying all workers."""

DBT = "dbt"
"""Pool with one slot, for tasks that wait for a dbt run: at most one of them occupies a worker meanwhile.

The task that runs dbt in a transform is not in it. It must get a worker before the tasks of its models, which wait for
it in workers of their own; Cosmos gives it the highest priority. In a full pool it would stay queued while they take
all workers, and none would ever end.
"""
